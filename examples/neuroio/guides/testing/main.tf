terraform {
  required_providers {
    neuroio = {
      source  = "token-providers/neuroio"
      version = "~> 0.1.0"
    }
  }
}

# The API token is in the environment variable NEUROIO_API_TOKEN.
provider "neuroio" {}

variable "cameras" {
  description = "The cameras, with the firmware of each. A new firmware rotates the token."
  type        = map(string)

  validation {
    condition     = length(var.cameras) <= 4
    error_message = "NeuroIO allows five permanent tokens, and a rotation needs one more for a moment."
  }
}

resource "neuroio_stream_token" "camera" {
  for_each          = var.cameras
  permanent         = true
  rotation_triggers = { firmware = each.value }
}

output "generations" {
  description = "Changes whenever a token is rotated."
  value       = { for name, token in neuroio_stream_token.camera : name => token.generation }
}
