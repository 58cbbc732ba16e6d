-- The first schema. Jobs are one wide row (a split into hot and cold tables was measured: no gain), the run phase is one
-- typed `attempt` row a lease, everything else that happened to a job is a `job_event` row.
-- No foreign key and no row trigger touches a column that the hot statements (lease, commit) write.

create table job (
  id uuid primary key,                                   -- also what every guarded write joins on
  seq bigint generated always as identity,               -- order of creation
  workflow text not null default '',
  name text not null default '',
  description text not null default '',
  parents uuid[] not null default '{}',
  input_files text not null default '',
  stage_in_url text not null default '',
  stage_out_files text not null default '',
  stage_out_url text not null default '',
  wall_time_minutes int not null default 1,
  num_nodes int not null default 1,
  coschedule_num_nodes int not null default 0,
  ranks_per_node int not null default 1,
  cpu_affinity text not null default 'none',
  threads_per_rank int not null default 1,
  threads_per_core int not null default 1,
  node_packing_count int not null default 1,
  environ_vars text not null default '',
  mpi_flags text not null default '',
  application text not null default '',
  args text not null default '',
  user_workdir text not null default '',
  wait_for_parents boolean not null default true,
  post_error_handler boolean not null default false,
  post_timeout_handler boolean not null default false,
  auto_timeout_retry boolean not null default true,
  state text not null default 'CREATED',
  queued_launch_id int,
  data jsonb not null default '{}',
  launcher int,                                          -- who holds it; null: nobody
  attempt int not null default 0,                        -- leases so far; fences together with launcher
  tries int not null default 0,                          -- starts so far; retry limits count these
  lost_ends int not null default 0,                      -- attempts whose end nobody can tell
  node_losses int not null default 0,                    -- attempts whose node died under them
  owner text collate "C" not null default current_user,  -- the database role that made it; "C" as current_user is, or no index
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint job_state check (state in ('CREATED', 'AWAITING_PARENTS', 'READY', 'STAGED_IN', 'PREPROCESSED', 'RUNNING',
    'RUN_DONE', 'POSTPROCESSED', 'JOB_FINISHED', 'RUN_TIMEOUT', 'RUN_ERROR', 'RESTART_READY', 'FAILED', 'USER_KILLED')),
  constraint job_running_is_held check (state <> 'RUNNING' or launcher is not null),
  constraint job_held_has_attempt check (launcher is null or attempt > 0),
  constraint job_tries check (tries between 0 and attempt),
  constraint job_counts check (lost_ends >= 0 and node_losses >= 0),
  constraint job_resources check (wall_time_minutes >= 0 and num_nodes >= 1 and coschedule_num_nodes >= 0
    and ranks_per_node >= 1 and threads_per_rank >= 1 and threads_per_core >= 1 and node_packing_count >= 1),
  constraint job_data_is_object check (jsonb_typeof(data) = 'object')
);

-- Pages of a list, and everything else without an order of its own.
create unique index job_in_order on job (seq);
-- Lists and counts by workflow and state, the names of the workflows.
create index job_by_workflow on job (workflow, state);
-- What a launcher holds (adoption, rescue). Never on (launcher) alone: the guarded writes would take it and walk all.
create index job_held on job (launcher, id) where launcher is not null;
-- The poll for kills: held and killed. Nearly always empty.
create index job_held_killed on job (launcher, id) where launcher is not null and state = 'USER_KILLED';

-- Leases: one index for each order, without and with a workflow. The predicate is RUNNABLE of lease-store.ts, word for word.
-- `owner <> ''` is always true; a lease with a workflow does not say it, and so cannot take an index that would make it
-- read every job of the other workflows (measured: it did, by a plan made while the table was small).
create index job_lease_mpi on job (owner, num_nodes desc, wall_time_minutes desc, seq)
  where owner <> '' and launcher is null and (state in ('PREPROCESSED', 'RESTART_READY') or (state = 'CREATED' and stage_in_url = ''
    and (parents = '{}' or (not wait_for_parents and input_files = ''))));
create index job_lease_serial on job (owner, node_packing_count, wall_time_minutes desc, seq)
  where num_nodes = 1 and ranks_per_node = 1
    and owner <> '' and launcher is null and (state in ('PREPROCESSED', 'RESTART_READY') or (state = 'CREATED' and stage_in_url = ''
    and (parents = '{}' or (not wait_for_parents and input_files = ''))));
-- Also the loose scan for the names of workflows that have something runnable.
create index job_lease_mpi_workflow on job (workflow, owner, num_nodes desc, wall_time_minutes desc, seq)
  where launcher is null and (state in ('PREPROCESSED', 'RESTART_READY') or (state = 'CREATED' and stage_in_url = ''
    and (parents = '{}' or (not wait_for_parents and input_files = ''))));
create index job_lease_serial_workflow on job (workflow, owner, node_packing_count, wall_time_minutes desc, seq)
  where num_nodes = 1 and ranks_per_node = 1
    and launcher is null and (state in ('PREPROCESSED', 'RESTART_READY') or (state = 'CREATED' and stage_in_url = ''
    and (parents = '{}' or (not wait_for_parents and input_files = ''))));
-- Children of a job, and whether one still waits for it.
create index job_by_parent on job using gin (parents) where parents <> '{}';

-- Dead versions at the front of the lease indexes are what makes leases slow: clean early.
alter table job set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
  autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2);

create table attempt (
  job_id uuid not null,
  attempt int not null,
  launcher int not null,
  node text not null default '',
  leased_at timestamptz,
  started_at timestamptz,
  ended_at timestamptz,
  outcome text,                                          -- RUN_DONE, RUN_ERROR, RUN_TIMEOUT, USER_KILLED
  end_state text,                                        -- where the job stayed; the hops between are shown in history
  exit_code int,
  signal int,
  user_s real,
  system_s real,
  max_rss_kib bigint,
  message text not null default '',
  last_report bigint not null default 0,                 -- number of the last report applied: a report commits only with a greater one
  primary key (job_id, attempt),
  constraint attempt_number check (attempt > 0),
  constraint attempt_end check ((ended_at is null) = (outcome is null) and (ended_at is null) = (end_state is null)),
  constraint attempt_outcome check (outcome in ('RUN_DONE', 'RUN_ERROR', 'RUN_TIMEOUT', 'USER_KILLED'))
);

create table job_event (
  id bigint generated always as identity primary key,
  job_id uuid not null,
  at timestamptz not null default clock_timestamp(),     -- when it happened, not when it was written
  state text not null,
  message text not null default ''
);
-- History of a job.
create index job_event_by_job on job_event (job_id, id);

create table application (
  id int generated always as identity primary key,
  name text not null unique,
  description text not null default '',
  executable text not null default '',
  preprocess text not null default '',
  envscript text not null default '',
  postprocess text not null default ''
);

create table queued_launch (
  id int generated always as identity primary key,
  scheduler_id bigint not null default 0,
  project text not null default '',
  queue text not null default '',
  nodes int not null default 0,
  wall_minutes int not null default 0,
  job_mode text not null default '',
  wf_filter text not null default '',
  sched_flags text not null default '',
  command text not null default '',
  state text not null default 'pending-submission',
  prescheduled_only boolean not null default true,
  from_balsam boolean not null default true
);
-- Which row a job of the batch system is.
create index queued_launch_by_scheduler on queued_launch (scheduler_id);

create table launcher (
  id int generated always as identity primary key,
  name text not null unique,
  epoch int not null default 1,
  state text not null default 'alive',
  heartbeat_at timestamptz not null default clock_timestamp(),
  host text not null default '',
  mode text not null default '',
  wf_filter text not null default '',
  nodes int not null default 1,
  scheduler_id text not null default '',
  owner text not null default current_user,
  started_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  constraint launcher_state check (state in ('alive', 'ended', 'dead')),
  constraint launcher_epoch check (epoch >= 1)
) with (fillfactor = 50);                                -- the heartbeat stays in its page

-- Who can run or guard jobs of a launcher: proof of its death needs all of them. Read by launcher.
create table roster (
  launcher int not null,
  host text not null,
  boot_id text not null,
  pid int not null,
  start_time text not null,
  pid_namespace text not null,
  uid int not null,
  kind text not null,
  node text not null default '',
  incarnation text not null default '',
  added_at timestamptz not null default clock_timestamp(),
  primary key (launcher, host, boot_id, pid_namespace, pid, start_time),
  constraint roster_kind check (kind in ('warden', 'coordinator', 'agent', 'guard', 'helper'))
);
