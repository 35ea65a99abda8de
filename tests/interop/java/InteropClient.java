import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * Produces and consumes with the Java client, as a user's program would, and prints what became of
 * each message on a line of its own.
 *
 * <p>{@code produce NAMESRV TOPIC GROUP COUNT} prints "SENT broker body" for each message;
 * {@code consume NAMESRV TOPIC GROUP COUNT} prints "GOT body" until COUNT different ones came.
 */
public class InteropClient {
    public static void main(String[] args) throws Exception {
        String namesrv = args[1];
        String topic = args[2];
        String group = args[3];
        int count = Integer.parseInt(args[4]);
        if (args[0].equals("produce")) {
            produce(namesrv, topic, group, count);
        } else {
            consume(namesrv, topic, group, count);
        }
        System.exit(0);
    }

    private static void produce(String namesrv, String topic, String group, int count)
        throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(group);
        producer.setNamesrvAddr(namesrv);
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
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(namesrv);
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
        boolean complete = missing.await(60, TimeUnit.SECONDS);
        if (!complete) {
            System.out.println("MISSING " + missing.getCount());
            System.exit(1);
        }
        consumer.shutdown();
    }
}
