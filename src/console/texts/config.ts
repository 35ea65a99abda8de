/** Texts of the configuration page. In English, in Chinese. */
export const config = {
  "config": ["Configuration", "配置"],
  "config.mayChange": [
    "Options that are marked as live can be changed here. The others need a change of the file and a restart.",
    "标记为「实时」的选项可以在此修改,其他选项需要修改配置文件并重启。",
  ],
  "config.search": ["Search names, values and texts", "搜索名称、值和说明"],
  "config.title": ["Options", "选项"],
  "config.empty": ["No option contains this text.", "没有选项包含此文本。"],
  "config.option": ["Option", "选项"],
  "config.value": ["Value", "值"],
  "config.default": ["Default", "默认值"],
  "config.range": ["Range", "范围"],
  "config.group": ["Group", "分组"],
  "config.live": ["live", "实时"],
  "config.restart": ["at a restart", "需重启"],
  "config.changedMark": ["changed", "已更改"],
  "config.emptyValue": ["(empty)", "(空)"],
  "config.change": ["Change", "修改"],
  "config.changeTitle": ["Change {name}", "修改 {name}"],
  "config.valueNow": ["Value now", "当前值"],
  "config.newValue": ["New value", "新值"],
  "config.who": [
    "The change takes effect at once, for all clients and brokers of this server, and is written to the configuration file: it also counts after a restart.",
    "修改立即对此服务器的所有客户端和 Broker 生效,并写入配置文件,重启后仍然有效。",
  ],
  "config.changed": [
    "{name} was changed from {before} to {after}.",
    "{name} 已从 {before} 改为 {after}。",
  ],
  "config.same": ["{name} had this value already.", "{name} 原本就是此值。"],
  "config.restored": ["{name} has the value {value} again.", "{name} 已恢复为 {value}。"],
} as const;
