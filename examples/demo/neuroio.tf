terraform {
  required_providers {
    neuroio = {
      source = "registry.terraform.io/token-providers/neuroio"
    }
  }
}

# NEUROIO_BASE_URL and NEUROIO_API_TOKEN say where the API is, and who asks.
provider "neuroio" {}

variable "cameras" {
  description = "How many cameras there are. Each has a token of its own."
  type        = number
}

variable "active" {
  description = "Whether they are let in."
  type        = bool
}

resource "neuroio_stream_token" "camera" {
  count     = var.cameras
  permanent = true
  is_active = var.active
}

output "first" {
  value     = neuroio_stream_token.camera[0].key
  sensitive = true
}
