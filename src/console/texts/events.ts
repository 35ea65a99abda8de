/** Names of the events of /api/v1/watch. In English, in Chinese. */
export const events = {
  "event.brokerUp": ["broker up", "Broker 上线"],
  "event.brokerDown": ["broker down", "Broker 下线"],
  "event.brokerRestored": ["broker restored", "Broker 已恢复"],
  "event.brokerConfirmed": ["broker confirmed", "Broker 已确认"],
  "event.roleChanged": ["role changed", "角色变化"],
  "event.topicAdded": ["topic added", "新增 Topic"],
  "event.topicChanged": ["topic changed", "Topic 变更"],
  "event.topicRemoved": ["topic removed", "Topic 移除"],
  "event.topicsChanged": ["topics changed", "多个 Topic 变更"],
  "event.permissionWiped": ["write permission wiped", "写权限已清除"],
  "event.permissionGranted": ["write permission granted", "写权限已恢复"],
  "event.kvChanged": ["KV changed", "KV 变更"],
  "event.kvNamespaceChanged": ["KV namespace changed", "KV 命名空间变更"],
  "event.configChanged": ["option changed", "配置变更"],
  "event.gap": ["events missed", "事件有遗漏"],
} as const;
