/** Texts of the changes of a topic. In English, in Chinese. */
export const topicActions = {
  "topicAction.delete": ["Delete the topic", "删除 Topic"],
  "topicAction.deleteTitle": ["Delete {topic} from this name server", "从此名字服务器删除 {topic}"],
  "topicAction.cluster": ["Cluster", "集群"],
  "topicAction.allClusters": ["all clusters", "所有集群"],
  "topicAction.removes": [
    "Brokers that have the topic, and lose it here:",
    "承载该 Topic、将在此被移除的 Broker:",
  ],
  "topicAction.keeps": ["Brokers that keep it:", "保留该 Topic 的 Broker:"],
  "topicAction.who": [
    'Clients that ask this name server for {topic} get "No route info of this topic" from then on. Running producers and consumers keep the route that they have, and report errors at their next query.',
    '此后向此名字服务器查询 {topic} 的客户端会得到 "No route info of this topic"。运行中的生产者和消费者保留已有路由,并在下次查询时报错。',
  ],
  "topicAction.whoSome": [
    "Clients that ask this name server for {topic} are sent to the brokers that keep it only.",
    "向此名字服务器查询 {topic} 的客户端只会得到保留它的 Broker。",
  ],
  "topicAction.back": [
    'There is no undo. The topic stays on the brokers with its messages: each of them brings it back with its next changed registration, unless it is deleted there, too ("mqadmin deleteTopic").',
    '无法撤销。Topic 及其消息仍在 Broker 上:除非在 Broker 上也删除("mqadmin deleteTopic"),各 Broker 会在下次变更注册时将其带回。',
  ],
  "topicAction.deleted": ["Deleted:", "已删除:"],
  "topicAction.keptBy": ["It is kept by", "仍保留于"],
  "topicAction.comesBack": [
    "Each broker that still has the topic registers it again with its next changed registration:",
    "仍承载该 Topic 的 Broker 会在下次变更注册时重新注册它:",
  ],
} as const;
