mock_provider "aws" {
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:us-east-1:123456789012:made" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/made" }
  }
}

variables {
  name        = "helium-prod"
  environment = "prod"
}

run "it_is_made_as_the_adapter_needs_it" {
  command = apply

  assert {
    condition     = output.name == "agent-processing" && output.dead_name == "agent-processing-dead"
    error_message = "The names are the settings' defaults."
  }

  assert {
    condition     = aws_sqs_queue.this.message_retention_seconds == 345600 && aws_sqs_queue.dead.message_retention_seconds == 1209600
    error_message = "4 days, and 14 for the dead."
  }

  assert {
    condition     = aws_sqs_queue.this.receive_wait_time_seconds == 20 && aws_sqs_queue.this.visibility_timeout_seconds == 60
    error_message = "Long polls; workers set their own visibility with each receive."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_policy.this.redrive_policy).maxReceiveCount == 20
    error_message = "Twenty tries."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_allow_policy.dead.redrive_allow_policy).redrivePermission == "byQueue"
    error_message = "The dead come from this queue only."
  }
}

run "somebody_sweeps_each_minute" {
  command = apply

  assert {
    condition     = aws_scheduler_schedule.sweep.schedule_expression == "rate(1 minute)" && aws_scheduler_schedule.sweep.target[0].input == "sweep"
    error_message = "The message is the word sweep."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.sweep.policy).Statement[0].Action == ["sqs:SendMessage"]
    error_message = "The scheduler sends and does nothing else."
  }
}

run "a_push_address_is_refused" {
  command = plan

  variables {
    push_url = "https://worker.example.com"
  }

  expect_failures = [var.push_url]
}
