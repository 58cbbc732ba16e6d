/**
 * Small disks under a world, and the faults that fill them: where jobs write, where Postgres has its tables, and where it
 * has its log. What is full has room again after some seconds. Only root can make them.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { moveToSmallDisk, type SmallDisk } from '../helpers/small-disk.ts';
import type { Chaos, Fault } from './_chaos.ts';
import type { World } from './_world.ts';

/** Enough for the jobs of a long soak; a full disk is filled up to here. */
const DATA = 'size=64m,nr_inodes=100k';
const TABLES = 'size=512m';
const LOG = 'size=256m';
/** How long a disk is full, milliseconds. */
const FULL_MS = [2_000, 10_000] as const;

export interface Disks {
  data: SmallDisk;
  tables: SmallDisk;
  log: SmallDisk;
}

/** Puts small disks under a world that has just been made; the server is restarted on them. */
export async function onSmallDisks(world: World): Promise<Disks> {
  await server(world, '--stop');
  const pgdata = path.join(world.dbPath, 'balsamdb');
  const data = path.join(world.dbPath, 'data');
  fs.mkdirSync(data, { recursive: true });
  const tables = moveToSmallDisk(pgdata, TABLES);
  const log = moveToSmallDisk(path.join(pgdata, 'pg_wal'), LOG);
  const disks = { data: moveToSmallDisk(data, DATA), tables, log };
  world.atClose.push(
    () => disks.log.remove(),
    () => disks.tables.remove(),
    () => disks.data.remove(),
  );
  await server(world, '--connect');
  return disks;
}

async function server(world: World, flag: '--stop' | '--connect'): Promise<void> {
  const { code, err } = await world.balsam(['server', flag]);
  if (code !== 0) throw new Error(`balsam server ${flag}: ${err}`);
}

/** The faults of these disks. */
export function diskFaults(disks: Disks): Fault[] {
  return [
    { name: 'no space for output', weight: 1, strike: (c) => noOutput(c, disks.data) },
    { name: 'no space for tables', weight: 1, strike: (c) => noPostgres(c, disks.tables) },
    {
      name: 'no space for the log of Postgres',
      weight: 1,
      strike: async (c) => {
        const struck = await noPostgres(c, disks.log);
        // It asks for more only when a piece of its log is full.
        if (struck !== null)
          await c.world.db.run((sql) => sql`select pg_switch_wal()`).catch(() => undefined);
        return struck;
      },
    },
  ];
}

async function noOutput(c: Chaos, disk: SmallDisk): Promise<string> {
  const ms = c.between(...FULL_MS);
  const makeRoom = disk.fill({ files: true });
  c.later(async () => {
    await pause(ms);
    makeRoom();
  });
  return `for ${ms} ms`;
}

async function noPostgres(c: Chaos, disk: SmallDisk): Promise<string | null> {
  if (c.postgresBusy) return null;
  const ms = c.between(...FULL_MS);
  c.postgresBusy = true;
  const makeRoom = disk.fill();
  c.later(async () => {
    await pause(ms);
    makeRoom();
    await c.bringPostgresBack();
    c.postgresBusy = false;
  });
  return `for ${ms} ms`;
}
