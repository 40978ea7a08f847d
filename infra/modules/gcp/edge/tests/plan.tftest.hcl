mock_provider "cloudflare" {}

variables {
  name        = "helium"
  environment = "prod"
  domain      = "example.com"
  api_url     = "https://helium-backend-123.us-east4.run.app"
  stream_url  = "https://helium-stream-123.us-east4.run.app"
  page_target = "cname.vercel-dns.com"
  zone        = { id = "0123456789abcdef0123456789abcdef", account_id = "fedcba9876543210fedcba9876543210" }
}

run "services_are_asked_by_their_own_host" {
  command = plan

  assert {
    condition     = cloudflare_load_balancer_pool.main["api"].origins[0].address == "helium-backend-123.us-east4.run.app" && cloudflare_load_balancer_pool.main["api"].origins[0].header.host == tolist(["helium-backend-123.us-east4.run.app"])
    error_message = "Cloud Run knows its services by the Host header."
  }

  assert {
    condition     = output.api_domain == "api.example.com" && output.stream_domain == "stream.example.com"
    error_message = "Two hosts."
  }
}

run "streams_of_the_api_go_to_the_stream_service" {
  command = plan

  assert {
    condition     = strcontains(cloudflare_load_balancer.main["api"].rules[0].condition, "/events") && strcontains(cloudflare_load_balancer.main["api"].rules[0].condition, "stream=true")
    error_message = "As docs/operations/scaling.md says."
  }
}

run "pushes_and_metrics_are_closed" {
  command = plan

  assert {
    condition     = cloudflare_ruleset.closed.rules[0].action == "block" && strcontains(cloudflare_ruleset.closed.rules[0].expression, "/internal/") && strcontains(cloudflare_ruleset.closed.rules[0].expression, "/metrics")
    error_message = "They are for the platform."
  }

  assert {
    condition     = cloudflare_ruleset.cache.rules[0].action_parameters.cache == false
    error_message = "No answer is kept for another caller."
  }
}

run "an_address_without_tls_is_refused" {
  command = plan

  variables {
    api_url = "http://helium-backend-123.us-east4.run.app"
  }

  expect_failures = [var.api_url]
}
