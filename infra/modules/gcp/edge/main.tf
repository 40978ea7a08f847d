locals {
  domains = { api = "api.${var.domain}", stream = "stream.${var.domain}" }
  hosts = {
    api    = trimprefix(var.api_url, "https://")
    stream = trimprefix(var.stream_url, "https://")
  }
  description = "Helium, ${var.environment}"
  ours        = "http.host in {${join(" ", [for domain in values(local.domains) : "\"${domain}\""])}}"
}

# One monitor for each pool: Cloud Run tells services apart by the Host header.
resource "cloudflare_load_balancer_monitor" "main" {
  for_each = local.hosts

  account_id       = var.zone.account_id
  description      = "${local.description}: ${each.key}"
  type             = "https"
  method           = "GET"
  path             = "/api/ready"
  port             = 443
  header           = { Host = [each.value] }
  expected_codes   = "200"
  interval         = 60
  timeout          = 5
  retries          = 2
  allow_insecure   = false
  follow_redirects = false
}

resource "cloudflare_load_balancer_pool" "main" {
  for_each = local.hosts

  account_id      = var.zone.account_id
  name            = "${var.name}-${each.key}"
  description     = local.description
  monitor         = cloudflare_load_balancer_monitor.main[each.key].id
  minimum_origins = 1

  origins = [{
    name    = each.key
    address = each.value
    enabled = true
    weight  = 1
    header  = { host = [each.value] }
  }]
}

resource "cloudflare_load_balancer" "main" {
  for_each = local.domains

  zone_id         = var.zone.id
  name            = each.value
  description     = local.description
  proxied         = true
  steering_policy = "off"
  default_pools   = [cloudflare_load_balancer_pool.main[each.key].id]
  fallback_pool   = cloudflare_load_balancer_pool.main[each.key].id

  # Streams of runs leave the API's own address for the stream service. Plans below Enterprise have one rule.
  rules = each.key == "stream" ? [] : [{
    name     = "streams"
    priority = 0
    condition = join(" and ", [
      "http.request.method eq \"GET\"",
      "((starts_with(http.request.uri.path, \"/v1/runs/\") and ends_with(http.request.uri.path, \"/events\")) or (starts_with(http.request.uri.path, \"/v1/responses/\") and http.request.uri.query contains \"stream=true\"))",
    ])
    overrides = {
      default_pools = [cloudflare_load_balancer_pool.main["stream"].id]
      fallback_pool = cloudflare_load_balancer_pool.main["api"].id
    }
  }]
}

resource "cloudflare_dns_record" "page" {
  for_each = var.page_target == null ? {} : { page = var.page_target }

  zone_id = var.zone.id
  name    = "app.${var.domain}"
  type    = "CNAME"
  content = each.value
  comment = local.description
  ttl     = 300
  # Its host has a network of its own at the edge, and renews its certificate through this name.
  proxied = false
}
