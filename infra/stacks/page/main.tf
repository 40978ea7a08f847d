# What Vercel is given beside the built page: `.vercel/output/config.json` of its Build Output API, version 3. It serves
# files and hands everything of the API to the API, so that the page has one origin.
locals {
  pages = toset([for file in fileset(var.folder, "**/*.html") : file])

  # The same policy that the API sends with the page: its own inline scripts by hash, and no others.
  scripts = {
    for page in local.pages : page => sort(distinct([
      for script in regexall("(?s)<script([^>]*)>(.*?)</script>", file("${var.folder}/${page}")) :
      "'sha256-${base64sha256(script[1])}'" if !can(regex("\\ssrc=", script[0]))
    ]))
  }

  security_headers = {
    "x-content-type-options" = "nosniff"
    "referrer-policy"        = "no-referrer"
    "x-frame-options"        = "DENY"
  }

  forwarded = [
    for path in ["v1", "api"] : { src = "^/${path}(/.*)?$", dest = "https://${var.api_domain}/${path}$1" }
  ]

  named = [
    for page in sort(local.pages) : {
      src      = page == "index.html" ? "^/$" : "^/${trimsuffix(page, ".html")}/?$"
      dest     = "/${page}"
      headers  = { "content-security-policy" = local.policies[page] }
      continue = true
    }
  ]

  policies = {
    for page in local.pages : page => join(" ", [
      "default-src 'self'; script-src 'self' ${join(" ", local.scripts[page])}; style-src 'self' 'unsafe-inline';",
      "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none';",
      "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ])
  }

  config = {
    version = 3
    routes = concat(
      local.forwarded,
      [
        { src = "^/(.*)$", headers = merge(local.security_headers, { "cache-control" = "no-cache" }), continue = true },
        { src = "^/_next/static/(.*)$", headers = { "cache-control" = "public, max-age=31536000, immutable" }, continue = true },
      ],
      local.named,
      [
        { handle = "filesystem" },
        { src = "^/(.*)$", dest = "/404.html", status = 404 },
      ],
    )
  }
}
