variables {
  api_domain = "api.example.com"
  folder     = "./tests/out"
}

run "the_api_is_asked_first_and_by_its_own_name" {
  command = plan

  assert {
    condition = [for route in slice(jsondecode(output.config).routes, 0, 2) : route.dest] == [
      "https://api.example.com/v1$1", "https://api.example.com/api$1",
    ]
    error_message = "Requests would be looked for among the files."
  }
}

run "a_page_runs_its_own_scripts_and_no_others" {
  command = plan

  assert {
    condition     = length(local.scripts["index.html"]) == 2 && one(local.scripts["chat.html"]) == "'sha256-${base64sha256("first()")}'"
    error_message = "Inline scripts go by their hash; those with an address are the page's own."
  }

  assert {
    condition     = !strcontains(output.config, "unsafe-eval") && !strcontains(output.config, "script-src 'unsafe-inline'")
    error_message = "No script that is not known."
  }
}

run "a_page_that_is_not_built_is_refused" {
  command = plan

  variables {
    folder = "./tests"
  }

  expect_failures = [var.folder]
}
