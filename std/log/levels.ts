/** The levels; loggers and handlers pass on records at or above their own. */
export const LogLevels = {
  NOTSET: 0,
  DEBUG: 10,
  INFO: 20,
  WARN: 30,
  ERROR: 40,
  CRITICAL: 50,
} as const;

/** A level's name. */
export type LevelName = keyof typeof LogLevels;

/** A level's number. */
export type LogLevel = typeof LogLevels[LevelName];

/** The level names, lowest first. */
export const LogLevelNames = Object.keys(LogLevels) as LevelName[];

/** Returns the level of a name; throws an Error if there is none. */
export function getLevelByName(name: LevelName): LogLevel {
  if (!Object.hasOwn(LogLevels, name)) throw new Error(`No log level has the name ${name}`);
  return LogLevels[name];
}

/** Returns the name of a level; throws an Error if there is none. */
export function getLevelName(level: LogLevel): LevelName {
  const name = LogLevelNames.find((each) => LogLevels[each] === level);
  if (name === undefined) throw new Error(`No log level has the number ${level}`);
  return name;
}
