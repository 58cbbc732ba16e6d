/**
 * The door of this room: what commands, client, coordinator and tests use. The rest are parts of it.
 */
export { mustNotStart } from './host.ts';
export { initCluster } from './init.ts';
export { knownDatabases, lookUpDatabase } from './known.ts';
export {
  findDatabasePath,
  layoutOf,
  readServerInfo,
  readServerInfoLater,
  type ServerInfo,
} from './layout.ts';
export { addressOf, followServer, openDatabase, type OpenDatabase } from './open.ts';
export { ensureServer, moveServerHere, resetServer, serverStatus, stopServer } from './server.ts';
export { hasDied, isCutOff } from './whose.ts';
