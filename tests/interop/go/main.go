// Command interop produces and consumes with github.com/apache/rocketmq-client-go/v2, as a user's
// program would, and prints what became of each message on a line of its own.
//
//	interop produce NAMESRV TOPIC GROUP COUNT   prints "SENT <broker> <body>" for each message
//	interop consume NAMESRV TOPIC GROUP COUNT   prints "GOT <body>" until COUNT different ones came
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// What requests are signed with; without an access key, they are not.
var credentials = primitive.Credentials{
	AccessKey: os.Getenv("INTEROP_ACCESS_KEY"),
	SecretKey: os.Getenv("INTEROP_SECRET_KEY"),
}

func main() {
	if len(os.Args) != 6 {
		fail("arguments: produce|consume NAMESRV TOPIC GROUP COUNT")
	}
	command, namesrv, topic, group := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	count, err := strconv.Atoi(os.Args[5])
	if err != nil {
		fail(err)
	}
	resolver := primitive.NewPassthroughResolver([]string{namesrv})
	switch command {
	case "produce":
		produce(resolver, topic, group, count)
	case "consume":
		consume(resolver, topic, group, count)
	default:
		fail("unknown command " + command)
	}
}

func produce(resolver primitive.NsResolver, topic, group string, count int) {
	options := []producer.Option{
		producer.WithNsResolver(resolver),
		producer.WithGroupName(group),
		producer.WithRetry(2),
	}
	if credentials.AccessKey != "" {
		options = append(options, producer.WithCredentials(credentials))
	}
	sender, err := rocketmq.NewProducer(options...)
	check(err)
	check(sender.Start())
	for i := 0; i < count; i++ {
		body := fmt.Sprintf("go-%d", i)
		result, err := sender.SendSync(
			context.Background(), primitive.NewMessage(topic, []byte(body)))
		check(err)
		if result.Status != primitive.SendOK {
			fail(result.String())
		}
		fmt.Println("SENT", result.MessageQueue.BrokerName, body)
	}
	check(sender.Shutdown())
}

func consume(resolver primitive.NsResolver, topic, group string, count int) {
	options := []consumer.Option{
		consumer.WithNsResolver(resolver),
		consumer.WithGroupName(group),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	}
	if credentials.AccessKey != "" {
		options = append(options, consumer.WithCredentials(credentials))
	}
	receiver, err := rocketmq.NewPushConsumer(options...)
	check(err)
	var lock sync.Mutex
	seen := map[string]bool{}
	done := make(chan struct{})
	receive := func(_ context.Context, messages ...*primitive.MessageExt) (
		consumer.ConsumeResult, error) {
		lock.Lock()
		defer lock.Unlock()
		for _, message := range messages {
			body := string(message.Body)
			if seen[body] || len(seen) == count {
				continue
			}
			seen[body] = true
			fmt.Println("GOT", body)
			if len(seen) == count {
				close(done)
			}
		}
		return consumer.ConsumeSuccess, nil
	}
	check(receiver.Subscribe(topic, consumer.MessageSelector{}, receive))
	check(receiver.Start())
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		fail("no more messages came")
	}
	check(receiver.Shutdown())
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
