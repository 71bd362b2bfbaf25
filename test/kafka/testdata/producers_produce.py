"""Does with librdkafka what ProducersProduce.java does with Kafka's own producer."""

import pathlib
import sys

import confluent_kafka


class Run:
    def __init__(self, policy, settings):
        self.policy = policy
        self.transactional = "transaction.timeout.ms" in settings
        if self.transactional:
            settings["transactional.id"] = "librdkafka-" + policy  # which the program sets
        self.failures = []
        self.producer = confluent_kafka.Producer(settings)

    def run(self, text):
        if self.transactional:
            self.producer.init_transactions(60)
            self.producer.begin_transaction()
        for i in range(60):
            self.send("keys", i // 10, i, "small")
        self.settle()
        self.send("one", 0, 0, text)
        self.settle()
        for i in range(40):
            self.send("one", 0, i, text[:20000])
        self.settle()
        if self.transactional:
            self.producer.commit_transaction(60)

    def send(self, topic, partition, key, value):
        chosen = {"partition": partition} if self.policy == "manual" else {}
        self.producer.produce(
            f"librdkafka-{self.policy}-{topic}", key=f"key-{key}", value=value, on_delivery=self.told, **chosen
        )

    def told(self, error, _message):
        if error is not None:
            self.failures.append(str(error))

    def settle(self):
        left = self.producer.flush(60)
        if left or self.failures:
            sys.exit(f"{self.policy}: {left} without a result, failures: {self.failures[:3]}")


def main(folder, servers, text):
    text = pathlib.Path(text).read_text()
    for file in pathlib.Path(folder).iterdir():
        lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
        settings = dict(line.split("=", 1) for line in lines)
        settings["bootstrap.servers"] = servers
        settings["client.id"] = "librdkafka-" + file.name
        Run(file.name, settings).run(text)


main(*sys.argv[1:])
