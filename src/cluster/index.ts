/**
 * The door of this room: what commands, client, coordinator and tests use. The rest are parts of it.
 */
export { mustNotStart, thisHost } from './host.ts';
export { initCluster, parseUrl, type InitOptions } from './init.ts';
export { knownDatabases, lookUpDatabase, rememberDatabase } from './known.ts';
export { findDatabasePath, layoutOf, readServerInfo, type Layout, type ServerInfo } from './layout.ts';
export { addressOf, openDatabase, type OpenDatabase, type OpenOptions } from './open.ts';
export {
  ensureServer,
  moveServerHere,
  resetServer,
  serverStatus,
  stopServer,
  type ServerStatus,
} from './server.ts';
