terraform {
  required_providers {
    neuroio = {
      source = "registry.terraform.io/token-providers/neuroio"
    }
  }
}

# NEUROIO_BASE_URL and NEUROIO_API_TOKEN set the address and the credential of the provider.
provider "neuroio" {}

variable "cameras" {
  description = "The number of cameras, each with its own token."
  type        = number
}

variable "active" {
  description = "Whether the tokens are active."
  type        = bool
}

variable "release" {
  description = "Another release rotates the tokens."
  type        = number
}

resource "neuroio_stream_token" "camera" {
  count             = var.cameras
  permanent         = true
  is_active         = var.active
  rotation_triggers = { release = var.release }
}

output "first" {
  value     = neuroio_stream_token.camera[0].key
  sensitive = true
}
