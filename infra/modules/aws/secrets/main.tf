resource "aws_secretsmanager_secret" "this" {
  for_each = var.names

  name                    = "${var.name}/${each.key}"
  recovery_window_in_days = var.environment == "prod" ? 30 : 7
  tags                    = var.labels
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = var.versions

  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = var.values[each.key]
  secret_string_wo_version = each.value
}
