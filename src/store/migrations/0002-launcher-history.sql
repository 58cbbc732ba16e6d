-- What happened to launchers, for people: degraded since when and why, drained nodes, takeovers, rescues.

alter table launcher
  add column degraded_since timestamptz,                 -- null: the database takes what it writes; as its last heartbeat says
  add column degraded_why text not null default '',
  add column ends_at timestamptz,                        -- its time limit; null: none
  add column nodes_alive int,                            -- nodes that take work, by its last heartbeat; null before the first
  add column rescued_by int,                             -- the launcher that buried it; null: a service, or nobody
  add column rescued_at timestamptz,
  add column rescued_how text,                           -- 'proof' or 'silence'
  add column rescued_jobs int not null default 0;        -- rows that were taken back from it

-- An incarnation of which no process is left and every end is written: a successor need not wait for its word.
alter table roster add column ended_at timestamptz;

-- (source, number): the epoch in which its coordinator began, and its own count; a repeat writes nothing.
create table launcher_event (
  launcher int not null,
  source int not null,
  number int not null,
  at timestamptz not null default clock_timestamp(),     -- when it happened
  kind text not null,
  node int,                                              -- index in the launcher; null: the whole of it
  host text not null default '',
  message text not null default '',
  primary key (launcher, source, number),
  constraint launcher_event_kind check (kind in ('takeover', 'raise', 'agent-lost', 'agent-left', 'drained', 'undrained', 'degraded', 'paused',
    'left', 'rescued'))
);
