locals {
  all = "monitored_resource=\"cloud_run_revision\",service_name=~\"${local.pattern}\""
  charts = [
    { title = "Requests a second", query = "sum by (service_name) (rate(run_googleapis_com:request_count{${local.all}}[5m]))" },
    { title = "Share of failed requests", query = "sum by (service_name) (rate(run_googleapis_com:request_count{${local.all},response_code_class=\"5xx\"}[5m])) / sum by (service_name) (rate(run_googleapis_com:request_count{${local.all}}[5m]))" },
    { title = "Budget of errors left: share", query = "1 - (${local.failed.api["3d"]}) / ${format("%.6g", local.budget)}" },
    { title = "Answers of the API, 95th percentile (s)", query = "histogram_quantile(0.95, sum by (le) (rate(request_duration_seconds_bucket{job=~\"${var.services.api}.*\"}[5m])))" },
    { title = "Instances", query = "sum by (service_name, state) (run_googleapis_com:container_instance_count{service_name=~\"${local.pattern}\"})" },
    { title = "Requests at once in an instance, 95th percentile", query = "histogram_quantile(0.95, sum by (service_name, le) (rate(run_googleapis_com:container_max_request_concurrencies_bucket{service_name=~\"${local.pattern}\"}[5m])))" },
    { title = "CPU, 95th percentile of instances", query = "histogram_quantile(0.95, sum by (service_name, le) (rate(run_googleapis_com:container_cpu_utilizations_bucket{service_name=~\"${local.pattern}\"}[5m])))" },
    { title = "Memory, 95th percentile of instances", query = "histogram_quantile(0.95, sum by (service_name, le) (rate(run_googleapis_com:container_memory_utilizations_bucket{service_name=~\"${local.pattern}\"}[5m])))" },
    { title = "Messages in the queues", query = "sum by (queue_id) (cloudtasks_googleapis_com:queue_depth{queue_id=~\"${var.queue.name}|${var.queue.dead_name}\"})" },
    { title = "Lateness of pushes, 95th percentile (ms)", query = "histogram_quantile(0.95, sum by (le) (rate(cloudtasks_googleapis_com:queue_task_attempt_delays_bucket{queue_id=\"${var.queue.name}\"}[5m])))" },
    { title = "Runs in progress", query = "max(active_agents_count)" },
    { title = "Runs that ended, a second", query = "sum by (status) (rate(agent_runs_total[5m]))" },
    { title = "Viewers", query = "sum(helium_viewers)" },
    { title = "Memory of the cache: share", query = "max(redis_googleapis_com:stats_memory_usage_ratio{instance_id=~\".*/${var.cache}\"})" },
  ]
}

resource "google_monitoring_dashboard" "main" {
  dashboard_json = jsonencode({
    displayName = local.title
    labels      = { for key, value in local.labels : "${key}_${value}" => "" }
    mosaicLayout = {
      columns = 48
      tiles = [
        for index, chart in local.charts : {
          xPos   = 24 * (index % 2)
          yPos   = 14 * floor(index / 2)
          width  = 24
          height = 14
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType        = "LINE"
                timeSeriesQuery = { prometheusQuery = chart.query }
              }]
            }
          }
        }
      ]
    }
  })
}
