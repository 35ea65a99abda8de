/** Texts of the login page. In English, in Chinese. */
export const login = {
  "login": ["Log in", "登录"],
  "login.about": [
    "With an account of this name server's access file.",
    "使用此名字服务器访问规则文件中的账号。",
  ],
  "login.way": ["Log in with", "登录方式"],
  "login.way.token": ["a token", "令牌"],
  "login.way.key": ["a key and its secret", "访问密钥"],
  "login.token": ["Token", "令牌"],
  "login.tokenHint": [
    'The line that "rocketmq-namesrv access token" printed.',
    '由 "rocketmq-namesrv access token" 输出的一行。',
  ],
  "login.accessKey": ["Access key", "AccessKey"],
  "login.secretKey": ["Secret key", "SecretKey"],
  "login.submit": ["Log in", "登录"],
  "login.clear": [
    "This connection is not encrypted: others on the network can read what you type here. Set httpTlsEnable.",
    "此连接未加密:网络上的其他人可以看到您输入的内容。请设置 httpTlsEnable。",
  ],
  "login.wrong.token": ["The token is wrong.", "令牌错误。"],
  "login.wrong.key": [
    "The access key or the secret key is wrong.",
    "AccessKey 或 SecretKey 错误。",
  ],
  "login.already": ["You are logged in as {account}.", "您已以 {account} 登录。"],
  "login.expired": ["Your session has expired. Log in again.", "会话已过期,请重新登录。"],
  "login.ended": [
    "Your session was ended: the rules of access control have changed, or the server was restarted. Log in again.",
    "会话已被终止:访问控制规则已变更,或服务器已重启。请重新登录。",
  ],
} as const;
