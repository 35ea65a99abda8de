/** Texts of the dialogs of changes. In English, in Chinese. */
export const actions = {
  "actions.title": ["Actions", "操作"],
  "actions.running": ["Working …", "处理中…"],
  "actions.putBack": ["Put the old value back", "恢复原值"],
  "actions.thisServer": [
    "This changes the name server {server} only. Name servers tell each other nothing.",
    "此操作只影响名字服务器 {server}。名字服务器之间互不同步。",
  ],
  "actions.others": [
    "Do the same on the others of the group:",
    "请在同组的其他名字服务器上执行相同操作:",
  ],
  "actions.noSession": ["It is not known yet what you may do here.", "尚不清楚您有哪些权限。"],
  "actions.off": [
    "Without access control (the option accessFile) nobody can log in, and nothing can be changed here.",
    "未启用访问控制(选项 accessFile)时无法登录,此处不能进行任何更改。",
  ],
  "actions.readOnly": ["Nothing can be changed here.", "此处只读。"],
  "actions.logIn": [
    "Log in with an account that has the permission {permission} to change something here.",
    "请使用拥有权限 {permission} 的账号登录后再进行修改。",
  ],
  "actions.lacks": [
    "The account {account} lacks the permission {permission}, so it can't change anything here.",
    "账号 {account} 没有权限 {permission},不能在此修改。",
  ],
} as const;
