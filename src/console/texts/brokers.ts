/** Texts of the pages about brokers. In English, in Chinese. */
export const brokers = {
  "role.master": ["master", "主"],
  "role.slave": ["slave", "从"],
  "role.actingMaster": ["acting master", "代理主"],
  "brokers": ["Brokers", "Broker"],
} as const;
