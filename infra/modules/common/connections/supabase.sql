-- A role of its own for Helium on Supabase, and nothing for those whom the project's public key lets in.
-- As `postgres`, once, before the first migration; then `\password helium`. May be executed again.
do $$
begin
  if not exists (select from pg_roles where rolname = 'helium') then
    create role helium login nosuperuser nocreatedb nocreaterole nobypassrls;
  end if;
end
$$;

grant usage, create on schema public to helium;
revoke create on schema public from public;

-- What `helium` makes is nobody else's: Supabase's default rights are about tables that `postgres` makes.
revoke usage on schema public from anon, authenticated;
revoke all on all tables in schema public from anon, authenticated;
revoke all on all sequences in schema public from anon, authenticated;
revoke all on all functions in schema public from anon, authenticated;
alter default privileges in schema public revoke all on tables from anon, authenticated;
alter default privileges in schema public revoke all on sequences from anon, authenticated;
alter default privileges in schema public revoke all on functions from anon, authenticated;
