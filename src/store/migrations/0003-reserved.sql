-- A number that another change holds: that change's file replaces this one.
select 1;
