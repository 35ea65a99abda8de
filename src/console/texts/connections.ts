/** Texts of the connections page. In English, in Chinese. */
export const connections = {
  "connections": ["Connections", "连接"],
  "connections.about": [
    "Connections of brokers, clients and tools to the remoting port.",
    "Broker、客户端和工具到 remoting 端口的连接。",
  ],
  "connections.search": ["Search addresses", "搜索地址"],
  "connections.empty": ["Nobody is connected.", "没有连接。"],
  "connections.peer": ["Peer", "对端"],
  "connections.proxied": ["for", "代理自"],
  "connections.since": ["Since", "建立时间"],
  "connections.software": ["Software", "软件"],
  "connections.version": ["Version", "版本"],
  "connections.plain": ["no", "否"],
  "connections.verified": ["verified", "已验证"],
  "connections.notVerified": ["not verified", "未验证"],
  "connections.account": ["Account", "账号"],
  "connections.noAccount": ["–", "–"],
  "connections.bytesIn": ["Received", "接收"],
  "connections.bytesOut": ["Sent", "发送"],
  "connections.unknown": ["unknown", "未知"],
} as const;
