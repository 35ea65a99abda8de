/** Texts of the page of the KV table, and of changes to it. In English, in Chinese. */
export const kv = {
  "kv": ["KV and order", "KV 与顺序"],
  "kv.title": ["KV and order configuration", "KV 与顺序消息配置"],
  "kv.about": [
    "Values that brokers, clients and tools look up by namespace and key.",
    "Broker、客户端和工具按命名空间与键查询的值。",
  ],
  "kv.namespaces": ["Namespaces", "命名空间"],
  "kv.namespace": ["Namespace", "命名空间"],
  "kv.keys": ["Keys", "键数"],
  "kv.key": ["Key", "键"],
  "kv.value": ["Value", "值"],
  "kv.keysOf": ["Keys of {namespace}", "{namespace} 中的键"],
  "kv.searchNamespaces": ["Search namespaces", "搜索命名空间"],
  "kv.searchKeys": ["Search keys", "搜索键"],
  "kv.noNamespaces": ["The KV table is empty.", "KV 表为空。"],
  "kv.noKeys": ["This namespace has no keys.", "此命名空间中没有键。"],
  "kv.back": ["All namespaces", "所有命名空间"],
  "kv.isOrder": ["order configuration of topics", "Topic 的顺序消息配置"],
  "kv.addTitle": ["Add a key", "添加键"],
  "kv.add": ["Add", "添加"],
  "kv.change": ["Change", "修改"],
  "kv.changeTitle": ["Change {key}", "修改 {key}"],
  "kv.delete": ["Delete", "删除"],
  "kv.deleteTitle": ["Delete {key}", "删除 {key}"],
  "kv.valueNow": ["Value now", "当前值"],
  "kv.replaces": [
    "If the key exists already, its value is replaced. You can put the old one back afterwards.",
    "如果键已存在,其值将被替换。之后可以恢复原值。",
  ],
  "kv.who": [
    "Brokers, clients and tools that read this key get the new state the next time they ask. They are not notified.",
    "读取此键的 Broker、客户端和工具在下次查询时得到新的状态,不会收到通知。",
  ],
  "kv.whoOrder": [
    "Clients of the topic get it with their next route query (every 30 s by default): producers of ordered messages then use these queues. Brokers get it with the answer to their next registration.",
    "该 Topic 的客户端在下次查询路由时得到它(默认每 30 秒):顺序消息的生产者随后使用这些队列。Broker 在下次注册的响应中得到它。",
  ],
  "kv.shared": [
    "The KV table is in etcd (kvStore): the change reaches all name servers that use it.",
    "KV 表保存在 etcd 中(kvStore):更改会到达使用它的所有名字服务器。",
  ],
  "kv.storeUnknown": [
    "With kvStore=etcd, the change reaches all name servers that use the same etcd; otherwise it reaches this one only. Which of them holds here is not known (it needs the permission config:read).",
    "若 kvStore=etcd,更改会到达使用同一 etcd 的所有名字服务器;否则只影响此服务器。目前不清楚属于哪种情况(需要权限 config:read)。",
  ],
  "kv.added": ["{namespace} {key} was added.", "已添加 {namespace} {key}。"],
  "kv.same": ["{namespace} {key} had this value already.", "{namespace} {key} 原本就是此值。"],
  "kv.changed": [
    "{namespace} {key} was changed. Its value before: {before}",
    "已修改 {namespace} {key}。原值:{before}",
  ],
  "kv.deleted": [
    "{namespace} {key} was deleted. Its value was: {before}",
    "已删除 {namespace} {key}。原值:{before}",
  ],
  "kv.restored": [
    "{namespace} {key} has the value {value} again.",
    "{namespace} {key} 已恢复为 {value}。",
  ],
  "kv.undoAdded": ["Delete it again", "撤销添加"],
} as const;
