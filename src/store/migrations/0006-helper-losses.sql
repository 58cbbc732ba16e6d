-- Attempts whose helper died under them: a job that kills its helper again and again is FAILED.
alter table job add column helper_losses int not null default 0 check (helper_losses >= 0);
