/** Texts of the changes of write permissions. In English, in Chinese. */
export const permissions = {
  "perm.wipe": ["Wipe write permission", "清除写权限"],
  "perm.add": ["Add write permission", "添加写权限"],
  "perm.wipeTitle": ["Wipe the write permission of {broker}", "清除 {broker} 的写权限"],
  "perm.addTitle": ["Add write permission to {broker}", "为 {broker} 添加写权限"],
  "perm.wipeTopics": [
    "Topics on {broker} that lose their write permission: {topics}.",
    "将清除 {broker} 上 {topics} 个 Topic 的写权限。",
  ],
  "perm.addTopics": [
    "Topics on {broker} that can be read and written then: {topics}.",
    "{broker} 上的 {topics} 个 Topic 将获得读写权限。",
  ],
  "perm.alone": [
    "Topics that no other broker has, and that can't be written then: {alone}.",
    "没有其他 Broker 承载、因而将无法写入的 Topic:{alone} 个。",
  ],
  "perm.aloneOfSome": [
    "Topics that no other broker has, and that can't be written then: {alone} of the first {looked}.",
    "没有其他 Broker 承载、因而将无法写入的 Topic:前 {looked} 个中有 {alone} 个。",
  ],
  "perm.wipeWho": [
    "Producers of these topics stop sending to {broker} with their next route query (every 30 s by default), and use other brokers of the topic. Consumers go on reading.",
    "这些 Topic 的生产者在下次查询路由后(默认每 30 秒)不再向 {broker} 发送,改用该 Topic 的其他 Broker。消费者继续读取。",
  ],
  "perm.addWho": [
    "Producers of these topics send to {broker} again with their next route query (every 30 s by default).",
    "这些 Topic 的生产者在下次查询路由后(默认每 30 秒)重新向 {broker} 发送。",
  ],
  "perm.wipeBack": [
    "It lasts until the broker registers with changed topics, or is restarted, or until write permission is added here.",
    "效果持续到该 Broker 以变更后的 Topic 重新注册、重启,或在此添加写权限为止。",
  ],
  "perm.addBack": [
    "This is more than the opposite of wiping: topics that were read-only before can be written, too, and system topics lose the permission to inherit. The broker's own permissions come back when it registers with changed topics, or is restarted.",
    "这不只是清除的逆操作:原本只读的 Topic 也会变为可写,系统 Topic 会失去继承权限。Broker 以变更后的 Topic 重新注册或重启后,恢复其自身的权限。",
  ],
  "perm.wipeDone": [
    "Topics on {broker} that lost their write permission: {topics}.",
    "已清除 {broker} 上 {topics} 个 Topic 的写权限。",
  ],
  "perm.addDone": [
    "Topics on {broker} that can be read and written now: {topics}.",
    "{broker} 上的 {topics} 个 Topic 已可读写。",
  ],
} as const;
