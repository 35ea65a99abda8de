"""Produces and consumes with the Python binding of the C++ client, which asks the name server itself.

    remoting_client.py produce NAMESRV TOPIC GROUP COUNT   prints "SENT <body>" for each message
    remoting_client.py consume NAMESRV TOPIC GROUP COUNT   prints "GOT <body>" until COUNT different ones came
"""

import os
import sys
import threading

from rocketmq.client import Message, Producer, PushConsumer, SendStatus

# The client signs nothing when its channel is empty.
CHANNEL = "ALIYUN"


def produce(namesrv, topic, group, count):
    producer = Producer(group, timeout=10_000)
    configure(producer, namesrv)
    producer.start()
    for i in range(count):
        body = f"python-{i}"
        message = Message(topic)
        message.set_body(body)
        if producer.send_sync(message).status != SendStatus.OK:
            sys.exit(f"{body} was not stored")
        print("SENT", body, flush=True)
    producer.shutdown()


def consume(namesrv, topic, group, count):
    seen = set()
    done = threading.Event()

    def receive(message):
        body = message.body.decode()
        if body not in seen and len(seen) < count:
            seen.add(body)
            print("GOT", body, flush=True)
            if len(seen) == count:
                done.set()

    consumer = PushConsumer(group)
    configure(consumer, namesrv)
    # More threads would share the set.
    consumer.set_thread_count(1)
    consumer.subscribe(topic, receive)
    consumer.start()
    if not done.wait(60):
        sys.exit("no more messages came")
    consumer.shutdown()


def configure(client, namesrv):
    client.set_namesrv_addr(namesrv)
    access_key = os.environ.get("INTEROP_ACCESS_KEY")
    if access_key:
        client.set_session_credentials(access_key, os.environ["INTEROP_SECRET_KEY"], CHANNEL)


command, namesrv, topic, group, count = sys.argv[1:]
{"produce": produce, "consume": consume}[command](namesrv, topic, group, int(count))
