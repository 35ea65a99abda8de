import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.RPCHook;
import org.apache.rocketmq.remoting.exception.RemotingException;

/**
 * Produces and consumes with the Java client, as a user's program would, and prints what became of
 * each message on a line of its own.
 *
 * <p>{@code produce NAMESRV TOPIC GROUP COUNT} prints "SENT broker body" for each message;
 * {@code consume NAMESRV TOPIC GROUP COUNT} prints "GOT body" until COUNT different ones came.
 *
 * <p>{@code keep-producing NAMESRV TOPIC GROUP 0} and {@code keep-consuming NAMESRV TOPIC GROUP 0} do
 * the same until a line comes in, a message every 50 ms, and ask for routes twice a second. What could
 * not be sent is "FAILED body reason".
 *
 * <p>{@code keep-starting NAMESRV TOPIC GROUP 0} starts one producer after the other, and beside them one
 * consumer after the other, until a line comes in. "STARTED producer" is one that sent a message, and
 * "STARTED consumer" one that got a message within ten seconds; "NOT-STARTED producer reason" is another one.
 * Clients 5.x try one name server only. So what fails for want of a connection is tried again, and printed as
 * "AGAIN producer reason".
 *
 * <p>NAMESRV is "-" for a client that finds its name servers by rocketmq.namesrv.domain.
 */
public class InteropClient {
    /** So many that one of three name servers is not chosen each time. */
    private static final int MOST_ATTEMPTS = 15;

    public static void main(String[] args) throws Exception {
        String namesrv = args[1];
        String topic = args[2];
        String group = args[3];
        int count = Integer.parseInt(args[4]);
        switch (args[0]) {
            case "produce":
                produce(namesrv, topic, group, count);
                break;
            case "consume":
                consume(namesrv, topic, group, count);
                break;
            case "keep-producing":
                keepProducing(namesrv, topic, group);
                break;
            case "keep-consuming":
                keepConsuming(namesrv, topic, group);
                break;
            case "keep-starting":
                keepStarting(namesrv, topic, group);
                break;
            default:
                throw new IllegalArgumentException(args[0]);
        }
        System.exit(0);
    }

    private static void useServers(ClientConfig client, String namesrv) {
        if (!namesrv.equals("-")) {
            client.setNamesrvAddr(namesrv);
        }
    }

    /**
     * Not the 30 seconds of the defaults, so that a name server's end is met by many requests, and a consumer whose
     * first heartbeat did not have all its subscriptions need not wait for the next one.
     */
    private static void askOften(ClientConfig client) {
        client.setPollNameServerInterval(500);
        client.setHeartbeatBrokerInterval(1000);
    }

    /** What interop.accessKey and interop.secretKey say; null signs nothing. */
    private static RPCHook credentials() {
        String accessKey = System.getProperty("interop.accessKey");
        if (accessKey == null) {
            return null;
        }
        String secretKey = System.getProperty("interop.secretKey");
        return new AclClientRPCHook(new SessionCredentials(accessKey, secretKey));
    }

    private static boolean isToldToEnd() throws IOException {
        return System.in.available() > 0;
    }

    private static void keepProducing(String namesrv, String topic, String group)
        throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(group, credentials());
        useServers(producer, namesrv);
        // A message that is lost on its way must show, and not be sent again.
        producer.setRetryTimesWhenSendFailed(0);
        askOften(producer);
        producer.start();
        for (int i = 0; !isToldToEnd(); i++) {
            String body = "java-" + i;
            try {
                Message message = new Message(topic, body.getBytes(StandardCharsets.UTF_8));
                // A broker on a busy machine can take seconds for its first message.
                SendResult result =
                    producer.send(message, i == 0 ? 15_000 : producer.getSendMsgTimeout());
                String broker = result.getMessageQueue().getBrokerName();
                String word = result.getSendStatus() == SendStatus.SEND_OK ? "SENT" : "FAILED";
                System.out.println(word + " " + broker + " " + body);
            } catch (Exception e) {
                System.out.println("FAILED " + body + " " + e);
            }
            Thread.sleep(50);
        }
        producer.shutdown();
    }

    private static void keepConsuming(String namesrv, String topic, String group)
        throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group, credentials(), new AllocateMessageQueueAveragely());
        useServers(consumer, namesrv);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, "*");
        askOften(consumer);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                System.out.println("GOT " + new String(message.getBody(), StandardCharsets.UTF_8));
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        while (!isToldToEnd()) {
            Thread.sleep(50);
        }
        consumer.shutdown();
    }

    /** A start of a client: throws when it could not begin its work. */
    private interface Start {
        void run(String name) throws Exception;
    }

    private static void keepStarting(String namesrv, String topic, String group) throws Exception {
        Thread consumers = new Thread(() -> startInTurn("consumer", (name) -> {
            startConsumer(namesrv, topic, group, name);
        }));
        consumers.start();
        startInTurn("producer", (name) -> startProducer(namesrv, topic, group, name));
        consumers.join();
    }

    private static void startInTurn(String what, Start start) {
        try {
            for (int i = 0; !isToldToEnd(); i++) {
                startOnce(what, what + "-" + i, start);
                Thread.sleep(100);
            }
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void startOnce(String what, String name, Start start) {
        for (int attempt = 1;; attempt++) {
            try {
                start.run(name + "-" + attempt);
                System.out.println("STARTED " + what);
                return;
            } catch (Exception e) {
                boolean again = e.getCause() instanceof RemotingException && attempt < MOST_ATTEMPTS;
                String reason = String.valueOf(e).split("\n")[0];
                System.out.println((again ? "AGAIN " : "NOT-STARTED ") + what + " " + reason);
                if (!again) {
                    return;
                }
            }
        }
    }

    /** The name makes it a client of its own, which asks for the route itself. */
    private static void startProducer(String namesrv, String topic, String group, String name)
        throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(group);
        useServers(producer, namesrv);
        producer.setInstanceName(name);
        producer.start();
        try {
            producer.send(new Message(topic, name.getBytes(StandardCharsets.UTF_8)));
        } finally {
            producer.shutdown();
        }
    }

    private static void startConsumer(String namesrv, String topic, String group, String name)
        throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        useServers(consumer, namesrv);
        consumer.setInstanceName(name);
        consumer.subscribe(topic, "*");
        CountDownLatch missing = new CountDownLatch(1);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            missing.countDown();
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        try {
            if (!missing.await(10, TimeUnit.SECONDS)) {
                throw new IllegalStateException("no message");
            }
        } finally {
            consumer.shutdown();
        }
    }

    private static void produce(String namesrv, String topic, String group, int count)
        throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(group, credentials());
        useServers(producer, namesrv);
        producer.setSendMsgTimeout(10_000);
        producer.start();
        for (int i = 0; i < count; i++) {
            String body = "java-" + i;
            SendResult result =
                producer.send(new Message(topic, body.getBytes(StandardCharsets.UTF_8)));
            if (result.getSendStatus() != SendStatus.SEND_OK) {
                throw new IllegalStateException(result.toString());
            }
            System.out.println("SENT " + result.getMessageQueue().getBrokerName() + " " + body);
        }
        producer.shutdown();
    }

    private static void consume(String namesrv, String topic, String group, int count)
        throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group, credentials(), new AllocateMessageQueueAveragely());
        useServers(consumer, namesrv);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, "*");
        Set<String> seen = ConcurrentHashMap.newKeySet();
        CountDownLatch missing = new CountDownLatch(count);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                String body = new String(message.getBody(), StandardCharsets.UTF_8);
                if (seen.add(body)) {
                    System.out.println("GOT " + body);
                    missing.countDown();
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        boolean complete = missing.await(120, TimeUnit.SECONDS);
        if (!complete) {
            System.out.println("MISSING " + missing.getCount());
            System.exit(1);
        }
        consumer.shutdown();
    }
}
