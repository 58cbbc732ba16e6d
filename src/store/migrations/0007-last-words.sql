-- What a launcher left when it ended, and why, for people: whom its jobs belong to it knows by its owner and `any_owner`.

alter table launcher
  add column any_owner boolean not null default false,   -- it runs jobs of other database users too
  add column took_nodes int,                             -- nodes that took work when it looked for jobs last; null before its end
  add column took_minutes float8;                        -- minutes that it had left then; null: no limit

-- `no-agent`: no agent has joined for a while. `left-over`: the jobs that it left, in one sentence.
alter table launcher_event drop constraint launcher_event_kind,
  add constraint launcher_event_kind check (kind in ('takeover', 'raise', 'agent-lost', 'agent-left', 'drained', 'undrained', 'degraded',
    'paused', 'left', 'left-over', 'no-agent', 'rescued'));
