"""Produces and consumes with the Python client of RocketMQ 5, which knows only a proxy.

    grpc_client.py produce PROXY TOPIC GROUP COUNT   prints "SENT <body>" for each message
    grpc_client.py consume PROXY TOPIC GROUP COUNT   prints "GOT <body>" until COUNT different ones came
"""

import os
import sys
import time

from rocketmq import (ClientConfiguration, Credentials, FilterExpression, Message, Producer,
                      SimpleConsumer)
from rocketmq.v5.exception import InternalErrorException


def produce(configuration, topic, group, count):
    producer = Producer(configuration, (topic,))
    producer.startup()
    for i in range(count):
        body = f"grpc-{i}"
        message = Message()
        message.topic = topic
        message.body = body.encode()
        producer.send(message)
        print("SENT", body, flush=True)
    producer.shutdown()


def consume(configuration, topic, group, count):
    consumer = SimpleConsumer(configuration, group, {topic: FilterExpression()}, await_duration=5)
    consumer.startup()
    seen = set()
    end = time.monotonic() + 60
    while len(seen) < count:
        if time.monotonic() > end:
            sys.exit("no more messages came")
        try:
            messages = consumer.receive(count, 15) or []
        except InternalErrorException as error:
            # The client does not wait until the proxy knows its settings.
            print("ERROR", error, flush=True)
            time.sleep(0.2)
            continue
        for message in messages:
            consumer.ack(message)
            body = message.body.decode()
            if body not in seen and len(seen) < count:
                seen.add(body)
                print("GOT", body, flush=True)
    consumer.shutdown()


command, proxy, topic, group, count = sys.argv[1:]
configuration = ClientConfiguration(proxy, Credentials(), request_timeout=10)
{"produce": produce, "consume": consume}[command](configuration, topic, group, int(count))
