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
    supabase = { mode = "session" }
  }

  assert {
    condition     = output.permitted == 15 && !output.pooler
    error_message = "The pool's size is all."
  }
}

run "directly_with_room_for_others" {
  command = plan

  variables {
    supabase = { mode = "direct", size = "medium" }
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
