import java.io.File;
import java.io.FileReader;
import java.io.Reader;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.StringSerializer;

/** Says of each file of a folder, in a line, whether Kafka's producer starts with it, and which names in it it doesn't know. */
public class ProducersStart {
    public static void main(String[] args) throws Exception {
        for (File file : new File(args[0]).listFiles()) {
            Properties settings = new Properties();
            try (Reader reader = new FileReader(file)) {
                settings.load(reader);
            }
            String unknown = "";
            for (String name : settings.stringPropertyNames()) {
                if (!ProducerConfig.configNames().contains(name) && !name.startsWith("config.providers.")) {
                    unknown += " " + name;
                }
            }
            settings.setProperty(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, "127.0.0.1:1");
            settings.setProperty(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, StringSerializer.class.getName());
            settings.setProperty(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, StringSerializer.class.getName());
            String answer = "starts";
            try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings)) {
                producer.close(Duration.ZERO);
            } catch (Exception e) {
                Throwable cause = e.getCause() == null ? e : e.getCause();
                answer = "refused " + cause.getMessage().replace('\n', ' ');
            }
            System.out.println(file.getName() + ":" + answer + (unknown.isEmpty() ? "" : " UNKNOWN" + unknown));
        }
    }
}
