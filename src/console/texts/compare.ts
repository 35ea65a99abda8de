/** Texts of the compare page. In English, in Chinese. */
export const compare = {
  "compare": ["Compare", "对比"],
  "compare.servers": ["Name servers of the group", "同组名字服务器"],
  "compare.alone": [
    "This server knows no other name server of its group. List all of them in the option namesrvAddrs.",
    "此服务器不知道同组的其他名字服务器。请在选项 namesrvAddrs 中列出全部。",
  ],
  "compare.address": ["Address", "地址"],
  "compare.state": ["State", "状态"],
  "compare.answers": ["answers, {millis} ms", "有响应,{millis} 毫秒"],
  "compare.fails": ["does not answer", "无响应"],
  "compare.shown": ["shown below", "见下方"],
  "compare.with": ["Compare with {address}", "与 {address} 对比"],
  "compare.again": ["Compare again", "重新对比"],
  "compare.title": ["This server and {other}", "本服务器与 {other}"],
  "compare.at": ["Compared at", "对比时间"],
  "compare.partial": ["Not known from {server}: {what}", "未能从 {server} 获知:{what}"],
  "compare.code": ["code {code}", "代码 {code}"],
  "compare.what.connection": ["everything, because it does not answer", "全部内容(无响应)"],
  "compare.what.brokers": ["its brokers", "Broker"],
  "compare.what.topics": ["its topics", "Topic"],
  "compare.what.routes": ["routes of topics", "Topic 路由"],
  "compare.what.kv": ["KV values", "KV 值"],
  "compare.what.config": ["its configuration", "配置"],
  "compare.noOption": ["no such option", "无此选项"],
  "compare.truncated": [
    'Not all differences are listed: {shown} of {total} that were found before the limit. "rocketmq-namesrv diff" lists all.',
    '未列出全部差异:达到上限前共发现 {total} 个,显示 {shown} 个。"rocketmq-namesrv diff" 可列出全部。',
  ],
  "compare.equal": [
    "{left} and {right} have the same brokers, topics and KV values.",
    "{left} 与 {right} 的 Broker、Topic 和 KV 值相同。",
  ],
  "compare.equalSoFar": [
    "What could be read is equal. The rest is not known.",
    "可读取的部分相同,其余未知。",
  ],
  "compare.more": ["and {count} more", "另有 {count} 个"],
  "compare.heardHere": ["last heartbeat here", "此处最近心跳"],
  "compare.none": ["missing", "缺失"],
  "compare.name": ["Name", "名称"],
  "compare.here": ["This server ({left})", "本服务器({left})"],
  "compare.showMore": ["Show more ({count} left)", "显示更多(剩余 {count})"],
  "compare.kind.broker": ["Broker groups", "Broker 组"],
  "compare.kind.address": ["Brokers", "Broker"],
  "compare.kind.topic": ["Topics", "Topic"],
  "compare.kind.queues": ["Queues", "队列"],
  "compare.kind.static queues": ["Static queues", "静态队列"],
  "compare.kind.kv": ["KV values", "KV 值"],
  "compare.brokerLacking": [
    "Broker groups that {has} knows, and {lacks} does not: {count}",
    "{has} 上存在而 {lacks} 上不存在的 Broker 组:{count}",
  ],
  "compare.brokerLacking.why": [
    'The classic cause of "No route info of this topic": these brokers do not register with {lacks}. Either it is missing from their namesrvAddr, or they can\'t reach it. Clients that ask {lacks} do not find topics that only these brokers have.',
    '"No route info of this topic" 的典型原因:这些 Broker 没有向 {lacks} 注册,可能是其 namesrvAddr 中缺少它,或网络不通。向 {lacks} 查询的客户端找不到只由这些 Broker 承载的 Topic。',
  ],
  "compare.topicLacking": [
    "Topics that {has} knows, and {lacks} does not: {count}",
    "{has} 上存在而 {lacks} 上不存在的 Topic:{count}",
  ],
  "compare.topicLacking.why": [
    'A client that asks {lacks} for one of them gets "No route info of this topic", one that asks {has} works. Either their brokers do not register with {lacks}, or the topics were deleted there alone.',
    '向 {lacks} 查询这些 Topic 的客户端会得到 "No route info of this topic",而向 {has} 查询则正常。可能是其 Broker 没有向 {lacks} 注册,或仅在该处被删除。',
  ],
  "compare.memberLacking": [
    "Broker groups with a member that {has} knows, and {lacks} does not: {count}",
    "有成员在 {has} 上存在而 {lacks} 上不存在的 Broker 组:{count}",
  ],
  "compare.memberLacking.why": [
    "A master or slave of these groups does not register with {lacks}. If it is the master, clients of {lacks} can't send to the group.",
    "这些组的主节点或从节点没有向 {lacks} 注册。若缺少主节点,{lacks} 的客户端无法向该组发送。",
  ],
  "compare.queuesLacking": [
    "Topics with a broker that {has} knows, and {lacks} does not: {count}",
    "有 Broker 在 {has} 上存在而 {lacks} 上不存在的 Topic:{count}",
  ],
  "compare.queuesLacking.why": [
    "Clients of {lacks} use fewer queues than those of {has}: producers spread messages unevenly, and consumers of {lacks} read only a part of the messages.",
    "{lacks} 的客户端使用的队列少于 {has} 的客户端:生产者的消息分布不均,{lacks} 的消费者只能读取一部分消息。",
  ],
  "compare.brokerDiffers": [
    "Broker groups with another cluster, zone or acting master setting: {count}",
    "集群、区域或代理主设置不同的 Broker 组:{count}",
  ],
  "compare.brokerDiffers.why": [
    "Each name server has what the group registered there last.",
    "每个名字服务器保存该组最近一次在其上注册的内容。",
  ],
  "compare.memberDiffers": [
    "Broker groups with a member that has another address: {count}",
    "有成员地址不同的 Broker 组:{count}",
  ],
  "compare.memberDiffers.why": [
    "The broker has moved, or two brokers have the same name and id, and each server has heard another of them last.",
    "Broker 已迁移,或有两个 Broker 名称与编号相同,两个服务器最近收到的注册来自不同的 Broker。",
  ],
  "compare.queuesDiffer": [
    "Topics with other queues or permissions: {count}",
    "队列或权限不同的 Topic:{count}",
  ],
  "compare.queuesDiffer.why": [
    "A change of the topic has reached one of the servers only so far, or write permission was wiped on one of them alone.",
    "Topic 的变更目前只到达其中一个服务器,或只在其中一个上清除了写权限。",
  ],
  "compare.kvLacking": [
    "Keys that {has} has, and {lacks} lacks: {count}",
    "{has} 上有而 {lacks} 上没有的键:{count}",
  ],
  "compare.kvLacking.why": [
    'Without kvStore=etcd, KV values are written to each name server: {lacks} was left out or down. "rocketmq-namesrv kv copy" brings it what it lacks.',
    '未使用 kvStore=etcd 时,KV 值需要写入每个名字服务器:{lacks} 被遗漏或当时不可用。"rocketmq-namesrv kv copy" 可补齐。',
  ],
  "compare.kvDiffers": ["Keys with another value: {count}", "值不同的键:{count}"],
  "compare.kvDiffers.why": [
    "Without kvStore=etcd, KV values are written to each name server: the last write has reached one of them only.",
    "未使用 kvStore=etcd 时,KV 值需要写入每个名字服务器:最近一次写入只到达其中一个。",
  ],
  "compare.config": [
    "Configuration of all name servers, where it differs",
    "所有名字服务器的配置差异",
  ],
  "compare.configEqual": [
    "All name servers have the same configuration.",
    "所有名字服务器的配置相同。",
  ],
  "compare.configFails": [
    "The configuration of {address} could not be read",
    "无法读取 {address} 的配置",
  ],
} as const;
