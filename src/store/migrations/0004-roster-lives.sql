-- An agent that has lost its lease joins again as another incarnation, and is the same process: each life has a row of its
-- own. With one row a process the second life was nowhere on the roster: a successor did not wait for its word, and a
-- report counted its node as lost for good.
alter table roster drop constraint roster_pkey,
  add primary key (launcher, host, boot_id, pid_namespace, pid, start_time, incarnation);
