locals {
  sizes = {
    small  = { tier = "db-custom-1-3840", connections = 210 }
    medium = { tier = "db-custom-2-7680", connections = 410 }
    large  = { tier = "db-custom-4-15360", connections = 610 }
  }
  size     = local.sizes[var.size]
  user     = "helium"
  database = "helium"
}

resource "google_sql_database_instance" "main" {
  #checkov:skip=CKV_GCP_6: clients have no certificates of their own; ENCRYPTED_ONLY refuses what is not encrypted
  #checkov:skip=CKV_GCP_79: the newest version that Helium is tested on
  #checkov:skip=CKV_GCP_108: names are looked up for each connection, and clients here have none
  #checkov:skip=CKV2_GCP_13: a line for each statement; query insights have the durations
  name                = var.name
  database_version    = "POSTGRES_17"
  region              = var.region
  deletion_protection = var.deletion_protection

  settings {
    tier                        = local.size.tier
    edition                     = "ENTERPRISE"
    availability_type           = var.high_availability ? "REGIONAL" : "ZONAL"
    deletion_protection_enabled = var.deletion_protection
    retain_backups_on_delete    = var.deletion_protection
    disk_type                   = "PD_SSD"
    disk_autoresize             = true
    disk_size                   = 10
    user_labels                 = merge(var.labels, { environment = var.environment })

    backup_configuration {
      enabled                        = true
      start_time                     = "03:00"
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = var.environment == "prod" ? 30 : 7
      }
    }

    database_flags {
      name  = "max_connections"
      value = local.size.connections
    }

    database_flags {
      name  = "cloudsql.enable_pgaudit"
      value = "on"
    }

    database_flags {
      name  = "idle_in_transaction_session_timeout"
      value = "60000"
    }

    database_flags {
      name  = "log_checkpoints"
      value = "on"
    }

    database_flags {
      name  = "log_connections"
      value = "on"
    }

    database_flags {
      name  = "log_disconnections"
      value = "on"
    }

    database_flags {
      name  = "log_lock_waits"
      value = "on"
    }

    database_flags {
      name  = "log_min_duration_statement"
      value = "-1"
    }

    database_flags {
      name  = "log_min_error_statement"
      value = "error"
    }

    database_flags {
      name  = "log_min_messages"
      value = "warning"
    }

    database_flags {
      name  = "log_statement"
      value = "ddl"
    }

    database_flags {
      name  = "log_temp_files"
      value = "0"
    }

    insights_config {
      query_insights_enabled  = true
      record_application_tags = false
      record_client_address   = false
    }

    ip_configuration {
      ipv4_enabled    = false
      private_network = var.network.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    maintenance_window {
      day          = 7
      hour         = 4
      update_track = "stable"
    }

    password_validation_policy {
      enable_password_policy      = true
      min_length                  = 24
      complexity                  = "COMPLEXITY_DEFAULT"
      disallow_username_substring = true
    }
  }

  lifecycle {
    # It grows by itself.
    ignore_changes = [settings[0].disk_size]
  }
}

resource "google_sql_database" "main" {
  name     = local.database
  instance = google_sql_database_instance.main.name
  # Dropping it is not part of taking the user away.
  deletion_policy = "ABANDON"
}

# One value in one apply, written to the database and to the secret, and to no plan and no state. Where an apply
# breaks off between the two, raising password_version writes both again.
resource "google_secret_manager_secret" "url" {
  secret_id           = "${var.name}-url"
  labels              = merge(var.labels, { environment = var.environment })
  deletion_protection = var.deletion_protection

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "url" {
  secret = google_secret_manager_secret.url.id
  secret_data_wo = format(
    "postgresql://%s:%s@%s:5432/%s?sslmode=require",
    local.user,
    var.password,
    google_sql_database_instance.main.private_ip_address,
    google_sql_database.main.name,
  )
  secret_data_wo_version = var.password_version
}

resource "google_sql_user" "main" {
  name                = local.user
  instance            = google_sql_database_instance.main.name
  password_wo         = var.password
  password_wo_version = var.password_version
  # Its tables are owned by it.
  deletion_policy = "ABANDON"
}
