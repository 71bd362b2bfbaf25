import java.io.File;
import java.io.FileReader;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Produces with each file of a folder, which is named after a policy: 60 small messages with keys into java-NAME-keys, then
 * a text, and then 40 messages of 20 kB, into java-NAME-one.
 */
public class ProducersProduce {
    private final KafkaProducer<String, String> producer;
    private final List<Future<RecordMetadata>> pending = new ArrayList<>();

    private ProducersProduce(Properties settings) {
        producer = new KafkaProducer<>(settings);
    }

    public static void main(String[] args) throws Exception {
        String text = Files.readString(Path.of(args[2]));
        for (File file : new File(args[0]).listFiles()) {
            Properties settings = new Properties();
            try (Reader reader = new FileReader(file)) {
                settings.load(reader);
            }
            settings.setProperty(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, args[1]);
            settings.setProperty(ProducerConfig.CLIENT_ID_CONFIG, "java-" + file.getName());
            settings.setProperty(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, StringSerializer.class.getName());
            settings.setProperty(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, StringSerializer.class.getName());
            new ProducersProduce(settings).run(file.getName(), settings.containsKey("transactional.id"), text);
        }
    }

    private void run(String policy, boolean transactional, String text) throws Exception {
        if (transactional) {
            producer.initTransactions();
            producer.beginTransaction();
        }
        boolean manual = policy.equals("manual");
        for (int i = 0; i < 60; i++) {
            send("java-" + policy + "-keys", manual ? i / 10 : null, i, "small");
        }
        settle();
        send("java-" + policy + "-one", manual ? 0 : null, 0, text);
        settle();
        for (int i = 0; i < 40; i++) {
            send("java-" + policy + "-one", manual ? 0 : null, i, text.substring(0, 20000));
        }
        settle();
        if (transactional) {
            producer.commitTransaction();
        }
        producer.close();
    }

    private void send(String topic, Integer partition, int key, String value) {
        pending.add(producer.send(new ProducerRecord<>(topic, partition, "key-" + key, value)));
    }

    private void settle() throws Exception {
        producer.flush();
        for (Future<RecordMetadata> one : pending) {
            one.get();
        }
        pending.clear();
    }
}
