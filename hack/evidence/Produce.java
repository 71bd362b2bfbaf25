import java.io.File;
import java.io.FileReader;
import java.io.PrintWriter;
import java.io.Reader;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Sends messages with Kafka's own producer until the file "enough" is in its folder, with the settings in
 * "producer.properties" there. Each line of what it writes to "results" there is a message: s key number when it is
 * sent, a key number when it is acknowledged, and f key number error when it has failed.
 *
 * Arguments: folder, bootstrap servers, topic, messages a second, keys, bytes.
 */
public class Produce {
    public static void main(String[] args) throws Exception {
        File folder = new File(args[0]);
        Properties settings = new Properties();
        try (Reader reader = new FileReader(new File(folder, "producer.properties"))) {
            settings.load(reader);
        }
        settings.setProperty("bootstrap.servers", args[1]);
        settings.setProperty("key.serializer", StringSerializer.class.getName());
        settings.setProperty("value.serializer", StringSerializer.class.getName());
        String topic = args[2];
        int rate = Integer.parseInt(args[3]), keys = Integer.parseInt(args[4]), bytes = Integer.parseInt(args[5]);
        try (PrintWriter results = new PrintWriter(new File(folder, "results"));
                KafkaProducer<String, String> producer = new KafkaProducer<>(settings)) {
            long began = System.nanoTime();
            for (long sent = 0; !new File(folder, "enough").exists(); ) {
                for (long due = (System.nanoTime() - began) * rate / 1_000_000_000L; sent < due; sent++) {
                    send(producer, topic, "key-" + sent % keys, sent / keys, bytes, results);
                }
                results.flush();
                Thread.sleep(10);
            }
        }
    }

    /** A PrintWriter's methods are synchronized, and each line is one call. */
    private static void send(KafkaProducer<String, String> producer, String topic, String key, long number, int bytes, PrintWriter results) {
        String name = key + " " + number;
        String value = name + " " + ".".repeat(Math.max(0, bytes - name.length() - 1));
        results.print("s " + name + "\n");
        producer.send(new ProducerRecord<>(topic, key, value), (metadata, error) ->
            results.print((error == null ? "a " + name : "f " + name + " " + error.getClass().getSimpleName()) + "\n"));
    }
}
