/** Texts of the pages about the controller. In English, in Chinese. */
export const controller = {
  "controller": ["Controller", "控制器"],
  "controller.about": [
    "The controller elects the master of each broker set: the brokers that share a name and have enableControllerMode=true.",
    "控制器为每个副本组(名称相同且 enableControllerMode=true 的 Broker)选举主节点。",
  ],
  "controller.off": ["This name server hosts no controller.", "此名字服务器未启用控制器。"],
  "controller.off.how": [
    "Brokers with fixed masters need none. To elect masters automatically, set enableControllerInNamesrv=true, controllerDLegerPeers and controllerDLegerSelfId in the configuration file, and restart.",
    "主节点固定的 Broker 不需要控制器。如需自动选主,请在配置文件中设置 enableControllerInNamesrv=true、controllerDLegerPeers 和 controllerDLegerSelfId 并重启。",
  ],
  "controller.follows": [
    "Another controller leads: {id} at {address}.",
    "当前由另一控制器领导:{id}({address})。",
  ],
  "controller.follows.how": [
    "Only the leader knows the broker sets: open the console of the name server that hosts it.",
    "只有领导者掌握副本组:请打开其所在名字服务器的控制台。",
  ],
  "controller.noLeader": [
    "No controller leads now, so masters that fail are not replaced.",
    "当前没有控制器领导,故障的主节点不会被替换。",
  ],
  "controller.noLeader.how": [
    "Brokers and clients go on with the masters that they have. The log of the name servers says why.",
    "Broker 和客户端继续使用现有主节点。原因见名字服务器日志。",
  ],
  "controller.group": ["Group", "控制器组"],
  "controller.self": ["This controller", "本控制器"],
  "controller.leader": ["Leader", "领导者"],
  "controller.none": ["none", "无"],
  "controller.peers": ["Controllers", "全部控制器"],
  "controller.store": ["Broker sets are kept in", "副本组存储于"],
  "controller.store.file": ["a file", "文件"],
  "controller.store.etcd": ["etcd", "etcd"],
  "controller.withoutMaster": ["Sets without a master", "无主的副本组"],
  "controller.fewInSync": [
    "Sets with fewer brokers in sync than controllerMinInSyncReplicas",
    "同步副本数低于 controllerMinInSyncReplicas 的副本组",
  ],
  "controller.sets": ["Broker sets", "副本组"],
  "controller.search": ["Search broker sets", "搜索副本组"],
  "controller.empty": [
    "No broker has registered at the controller. Brokers find it by controllerAddr in their own configuration.",
    "还没有 Broker 在控制器注册。Broker 通过自身配置中的 controllerAddr 找到控制器。",
  ],
  "controller.noMatch": ["No set has a name like this.", "没有名称匹配的副本组。"],

  "set.back": ["All broker sets", "全部副本组"],
  "set.gone": ["The controller knows no set with this name.", "控制器没有此名称的副本组。"],
  "set.name": ["Set", "副本组"],
  "set.state": ["State", "状态"],
  "set.state.noMaster": ["no master", "无主"],
  "set.state.masterDead": ["master dead", "主节点失联"],
  "set.state.behind": ["not all in sync", "未全部同步"],
  "set.state.ok": ["all in sync", "全部同步"],
  "set.master": ["Master", "主节点"],
  "set.masterEpoch": ["Master epoch", "主 epoch"],
  "set.syncEpoch": ["Epoch of the sync state set", "SyncStateSet epoch"],
  "set.inSync": ["In sync", "已同步"],
  "set.notInSync": ["Not in sync", "未同步"],
  "set.dead": ["{id} dead", "{id} 失联"],
  "set.brokers": ["Brokers", "Broker"],
  "set.alive": ["alive", "存活"],
  "set.notAlive": ["dead", "失联"],
  "set.epoch": ["Epoch of its newest message", "最新消息的 epoch"],
  "set.maxOffset": ["Log ends at", "日志末尾位点"],
  "set.actions": ["Actions", "操作"],
  "set.inRoute": ["As the name server sees it", "名字服务器中的状态"],

  "elect": ["Make it the master", "选为主节点"],
  "elect.one": ["Make broker {id} the master", "将 Broker {id} 选为主节点"],
  "elect.title": ["Make broker {id} the master of {set}", "将 Broker {id} 选为 {set} 的主节点"],
  "elect.old": [
    "Broker {old} is the master now. It becomes a slave and copies from broker {id} ({address}).",
    "当前主节点为 Broker {old},将变为从节点并从 Broker {id}({address})复制。",
  ],
  "elect.noOld": [
    "The set has no master now. Broker {id} ({address}) takes messages again.",
    "该副本组当前无主。Broker {id}({address})将重新接收消息。",
  ],
  "elect.inSync": [
    "Broker {id} is in sync, so no acknowledged message is lost if allAckInSyncStateSet=true. It is the only one in sync at first; the others follow as they catch up.",
    "Broker {id} 已同步,若 allAckInSyncStateSet=true,则不会丢失已确认的消息。起初仅它处于同步状态,其他副本追上后加入。",
  ],
  "elect.notInSync": [
    "Broker {id} is not in sync. The controller refuses it unless enableElectUncleanMaster=true or no broker at all is in sync, and then the messages that it lacks are lost.",
    "Broker {id} 未同步。除非 enableElectUncleanMaster=true 或没有任何同步副本,控制器会拒绝;若允许,它缺少的消息将丢失。",
  ],
  "elect.clients": [
    "Sending to the set may fail until the brokers have changed their roles and clients have asked for the route again (every 30 s by default).",
    "在 Broker 切换角色、客户端重新查询路由(默认每 30 秒)之前,向该副本组发送可能失败。",
  ],
  "elect.back": [
    "The way back is another election, as soon as the old master is in sync again.",
    "如需恢复,可在原主节点重新同步后再次选主。",
  ],
  "elect.done": [
    "Broker {id} is the master of {set}, epoch {epoch}.",
    "Broker {id} 已成为 {set} 的主节点,epoch {epoch}。",
  ],

  "clean": ["Forget it", "清除"],
  "clean.one": ["Forget broker {id}", "清除 Broker {id}"],
  "clean.set": ["Forget the set", "清除副本组"],
  "clean.title": ["Forget broker {id} of {set}", "清除 {set} 的 Broker {id}"],
  "clean.setTitle": ["Forget the set {set}", "清除副本组 {set}"],
  "clean.what": [
    "The controller forgets broker {id} ({address}). Nothing on its disk changes.",
    "控制器将清除 Broker {id}({address})的元数据,其磁盘数据不变。",
  ],
  "clean.setWhat": [
    "The controller forgets the set with its {count} brokers and its epochs. Nothing on their disks changes.",
    "控制器将清除该副本组及其 {count} 个 Broker 和 epoch,磁盘数据不变。",
  ],
  "clean.return": [
    "For brokers that are gone for ever: one that comes back is refused until store/brokerIdentity is removed from its store folder. It gets a new id then.",
    "仅用于永久下线的 Broker:若其再次启动,在删除存储目录中的 store/brokerIdentity 之前会被拒绝,之后获得新的 ID。",
  ],
  "clean.lastInSync": [
    "It is the last broker in sync. After that, only an election by hand gives the set a master again, and messages that the new master lacks are lost.",
    "它是最后一个同步副本。清除后只能手动选主,新主节点缺少的消息将丢失。",
  ],
  "clean.back": ["There is no undo.", "此操作无法撤销。"],
  "clean.done": ["Broker {id} of {set} is forgotten.", "已清除 {set} 的 Broker {id}。"],
  "clean.setDone": ["The set {set} is forgotten.", "已清除副本组 {set}。"],
} as const;
