# Prompts look like attacks (they hold code), so no ruleset reads bodies here. What is never for the internet is
# closed, and the number of requests is bounded. Helium checks keys and counts requests for each of them.
resource "cloudflare_ruleset" "closed" {
  zone_id     = var.zone.id
  name        = "${var.name}-closed"
  description = "Paths that are for the platform only."
  kind        = "zone"
  phase       = "http_request_firewall_custom"

  rules = [{
    ref         = "closed"
    description = "Pushes and metrics"
    action      = "block"
    expression  = "${local.ours} and (starts_with(http.request.uri.path, \"/internal/\") or starts_with(http.request.uri.path, \"/metrics\"))"
    enabled     = true
  }]
}

resource "cloudflare_ruleset" "limits" {
  zone_id     = var.zone.id
  name        = "${var.name}-limits"
  description = "Requests of one address."
  kind        = "zone"
  phase       = "http_ratelimit"

  rules = [{
    ref         = "address"
    description = "Requests of one address in a minute"
    action      = "block"
    expression  = local.ours
    enabled     = true
    ratelimit = {
      characteristics     = ["cf.colo.id", "ip.src"]
      period              = 60
      requests_per_period = var.requests_per_minute
      mitigation_timeout  = 60
    }
  }]
}

resource "cloudflare_ruleset" "cache" {
  zone_id     = var.zone.id
  name        = "${var.name}-cache"
  description = "Answers of the API are for one caller."
  kind        = "zone"
  phase       = "http_request_cache_settings"

  rules = [{
    ref               = "bypass"
    description       = "Cache nothing"
    action            = "set_cache_settings"
    action_parameters = { cache = false }
    expression        = local.ours
    enabled           = true
  }]
}

resource "cloudflare_ruleset" "transport" {
  zone_id     = var.zone.id
  name        = "${var.name}-transport"
  description = "TLS to the services with certificates that are checked, and none of the edge's own changes."
  kind        = "zone"
  phase       = "http_config_settings"

  rules = [{
    ref         = "strict"
    description = "Strict TLS"
    action      = "set_config"
    action_parameters = {
      ssl                      = "strict"
      automatic_https_rewrites = false
      email_obfuscation        = false
      rocket_loader            = false
    }
    expression = local.ours
    enabled    = true
  }]
}

resource "cloudflare_ruleset" "https" {
  zone_id     = var.zone.id
  name        = "${var.name}-https"
  description = "Nothing without TLS."
  kind        = "zone"
  phase       = "http_request_dynamic_redirect"

  rules = [{
    ref         = "https"
    description = "To https"
    action      = "redirect"
    action_parameters = {
      from_value = {
        status_code           = 308
        preserve_query_string = true
        target_url            = { expression = "concat(\"https://\", http.host, http.request.uri.path)" }
      }
    }
    expression = "not ssl and ${local.ours}"
    enabled    = true
  }]
}
