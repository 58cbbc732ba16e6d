-- The files of a job that was leased stay where they are when the job is renamed: [workflow, name] of then, null while they
-- are under its own. The path itself is made from names in one place (core/job-directory.ts), so names are what is kept.
alter table job add column filed_as jsonb;
