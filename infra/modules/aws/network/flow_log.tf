resource "aws_cloudwatch_log_group" "rejected" {
  name              = "/helium/${var.name}/rejected-connections"
  retention_in_days = var.log_retention_days
  tags              = var.labels
}

resource "aws_iam_role" "flow_log" {
  name = "${var.name}-flow-log"
  tags = var.labels

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "flow_log" {
  name = "write"
  role = aws_iam_role.flow_log.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
      Resource = [aws_cloudwatch_log_group.rejected.arn, "${aws_cloudwatch_log_group.rejected.arn}:*"]
    }]
  })
}

resource "aws_flow_log" "rejected" {
  vpc_id          = aws_vpc.this.id
  traffic_type    = "REJECT"
  log_destination = aws_cloudwatch_log_group.rejected.arn
  iam_role_arn    = aws_iam_role.flow_log.arn
  tags            = var.labels
}
