resource "aws_scheduler_schedule" "daily" {
  name                         = "${local.job}-daily"
  description                  = "Makes a backup of the database and the files"
  schedule_expression          = "cron(10 ${var.hour} * * ? *)"
  schedule_expression_timezone = "UTC"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.cluster.arn
    role_arn = aws_iam_role.scheduler.arn

    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.this.arn
      launch_type         = "FARGATE"
      task_count          = 1

      network_configuration {
        subnets          = var.network.subnets
        security_groups  = [var.network.tasks_security_group_id]
        assign_public_ip = false
      }
    }

    # For the start of the task only, when Fargate has no room. An hour later the alarm is the better answer.
    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 5
    }
  }

  depends_on = [aws_iam_role_policy.scheduler, aws_iam_role_policy.execution]
}
