/** Texts of the order configuration. In English, in Chinese. */
export const order = {
  "order.open": ["Order configuration", "顺序消息配置"],
  "order.addTitle": ["Set a topic's order configuration", "设置 Topic 的顺序消息配置"],
  "order.title": ["Order configuration of {topic}", "{topic} 的顺序消息配置"],
  "order.topic": ["Topic", "Topic"],
  "order.parts": ["Brokers and their queues", "Broker 及其队列"],
  "order.broker": ["Broker name", "Broker 名称"],
  "order.queues": ["Queues", "队列数"],
  "order.more": ["Add a broker", "添加 Broker"],
  "order.remove": ["Remove", "移除"],
  "order.removeOf": ["Remove {broker}", "移除 {broker}"],
  "order.fill": ["Fill in from the route", "按路由填写"],
  "order.set": ["Set", "设置"],
  "order.unreadable": [
    "Clients can't read the value as it is now. It is replaced as a whole.",
    "客户端无法解析当前值,它将被整体替换。",
  ],
  "order.fault.none": ["Name at least one broker.", "请至少填写一个 Broker。"],
  "order.fault.broker": [
    "A broker name is missing, or has a colon or semicolon in it.",
    "Broker 名称缺失,或包含冒号、分号。",
  ],
  "order.fault.queues": [
    "The number of queues must be a whole number from 1 on.",
    "队列数必须是不小于 1 的整数。",
  ],
  "order.fault.twice": ["A broker is named twice.", "有 Broker 重复。"],
} as const;
