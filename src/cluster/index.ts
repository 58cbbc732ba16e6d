/**
 * The door of this room: what commands, client, coordinator and tests use. The rest are parts of it.
 */
export { initCluster } from './init.ts';
export { knownDatabases, lookUpDatabase } from './known.ts';
export { findDatabasePath, layoutOf, readServerInfo, type ServerInfo } from './layout.ts';
export { addressOf, openDatabase, type OpenDatabase } from './open.ts';
export { ensureServer, moveServerHere, resetServer, serverStatus, stopServer } from './server.ts';
