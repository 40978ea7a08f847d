variables {
  database  = "supabase"
  supabase  = { size = "small", mode = "transaction" }
  processes = 60
  pool_size = 2
}

run "supabase_by_its_pooler" {
  command = plan

  assert {
    condition     = output.needed == 360 && output.permitted == 400 && output.pooler
    error_message = "Three connections for each process, twice during a rollout; 400 clients."
  }
}

run "a_session_keeps_its_connection" {
  command = plan

  variables {
    processes = 2
    supabase  = { mode = "session" }
  }

  assert {
    condition     = output.permitted == 15 && !output.pooler
    error_message = "The pool's size is all."
  }
}

run "directly_with_room_for_others" {
  command = plan

  variables {
    processes = 16
    supabase  = { mode = "direct", size = "medium" }
  }

  assert {
    condition     = output.permitted == 97 && !output.pooler
    error_message = "120, without PostgreSQL's and Supabase's own."
  }
}

run "a_database_of_our_own" {
  command = plan

  variables {
    database        = "cloud_sql"
    max_connections = 610
  }

  assert {
    condition     = output.permitted == 607 && !output.pooler
    error_message = "It says how many it has."
  }
}

run "supabase_is_advised_the_smallest_size_that_takes_them_all" {
  command = plan

  variables {
    processes = 210
  }

  assert {
    condition     = output.advice == "The processes may open 1260 connections, and Supabase (small, transaction mode) has 400: lower the services' max in sizes.tf to 66 processes in all, or give Supabase's project the size 2xl and say supabase = { size = \"2xl\" }."
    error_message = "Both ways out, with their numbers."
  }

  expect_failures = [output.needed]
}

run "what_no_size_takes_is_to_be_lowered" {
  command = plan

  variables {
    processes = 100
    supabase  = { mode = "direct" }
  }

  assert {
    condition     = output.advice == "The processes may open 600 connections, and Supabase (small, direct mode) has 67: lower the services' max in sizes.tf to 11 processes in all."
    error_message = "16xl has 477."
  }

  expect_failures = [output.needed]
}

run "a_session_is_advised_transactions" {
  command = plan

  variables {
    supabase = { mode = "session" }
  }

  assert {
    condition     = output.advice == "The processes may open 360 connections, and Supabase (small, session mode) has 15: lower the services' max in sizes.tf to 2 processes in all, or use the address of the transaction mode and say so in the variable supabase."
    error_message = "Not a larger size: that changes no pool."
  }

  expect_failures = [output.needed]
}

run "a_database_of_our_own_is_advised_its_size" {
  command = plan

  variables {
    database        = "rds"
    max_connections = 210
  }

  assert {
    condition     = output.advice == "The processes may open 360 connections, and the database has 207: lower the services' max in sizes.tf to 34 processes in all, or raise database_size there."
    error_message = "It is beside the services' sizes."
  }
}

run "a_size_that_is_none_is_refused" {
  command = plan

  variables {
    supabase = { size = "huge" }
  }

  expect_failures = [var.supabase]
}

run "connections_that_supabase_does_not_take_are_refused" {
  command = plan

  variables {
    max_connections = 100
  }

  expect_failures = [var.max_connections]
}
