locals {
  function = "${var.name}-lambda-worker"

  environment = merge(
    var.settings,
    { for name, arn in var.secrets : name => "secret:aws:${arn}" },
    {
      HELIUM_HOME               = "/tmp/helium"
      HELIUM_QUEUE__CONCURRENCY = tostring(var.batch_size)
      # A run is handed over after half of the time; the step that began just before then has the other half.
      HELIUM_WORKER__STEP_TIMEOUT_SECONDS = tostring(floor(var.timeout_seconds * 4 / 9))
    },
  )
}

data "aws_caller_identity" "current" {}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/helium/${local.function}"
  retention_in_days = var.log_retention_days
  tags              = var.labels
}

resource "aws_iam_role_policy" "start" {
  #checkov:skip=CKV_AWS_290:Lambda makes interfaces before there is one to name; the function is denied them
  name = "lambda"
  role = element(split("/", var.account), 1)

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      },
      {
        # Reason for the wildcard: Lambda asks for these before there is an interface, and refuses to make a
        # function in a network without them. The function itself is denied them below.
        Effect   = "Allow"
        Action   = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface"]
        Resource = ["*"]
      },
      {
        # Reason for the wildcard: it takes rights away. Lambda's own calls do not carry this condition.
        Effect    = "Deny"
        Action    = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface"]
        Resource  = ["*"]
        Condition = { ArnEquals = { "lambda:SourceFunctionArn" = [local.arn] } }
      },
    ]
  })
}

data "aws_region" "current" {}

locals {
  arn = "arn:aws:lambda:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:function:${local.function}"
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:traces go to HELIUM_TRACES__ENDPOINT, those of the function too
  #checkov:skip=CKV_AWS_116:it is called by its queue, and the queue has a queue of the dead
  #checkov:skip=CKV_AWS_272:there is no such signature for images; the pipeline signs and verifies them
  function_name                  = local.function
  description                    = "Works on messages of the queue; nothing is resident"
  role                           = var.account
  package_type                   = "Image"
  image_uri                      = var.image
  architectures                  = ["arm64"]
  memory_size                    = var.memory_mib
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.max_instances
  tags                           = var.labels

  image_config {
    entry_point = ["python", "-m", "awslambdaric"]
    command     = ["helium.lambda_main.handler"]
  }

  environment {
    variables = local.environment
  }

  vpc_config {
    subnet_ids         = var.network.subnets
    security_group_ids = [var.network.tasks_security_group_id]
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  lifecycle {
    # The pipeline rolls out the image.
    ignore_changes = [image_uri]

    precondition {
      condition     = var.queue.visibility_seconds >= 6 * var.timeout_seconds
      error_message = "The queue's visibility time-out has to be 6 times the function's time-out."
    }
  }

  depends_on = [aws_iam_role_policy.start]
}

resource "aws_lambda_event_source_mapping" "queue" {
  event_source_arn = var.queue.arn
  function_name    = aws_lambda_function.this.arn
  batch_size       = var.batch_size
  # Without it Lambda deletes what was refused.
  function_response_types            = ["ReportBatchItemFailures"]
  maximum_batching_window_in_seconds = 0
  tags                               = var.labels

  # As many as may run: what is throttled would come back after the visibility time-out only.
  scaling_config {
    maximum_concurrency = var.max_instances
  }
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  alarm_name          = "${local.function}-throttles"
  alarm_description   = "Calls are refused for want of concurrency: their messages wait for the visibility time-out"
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  tags                = var.labels
}
