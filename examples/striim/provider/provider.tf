terraform {
  required_providers {
    striim = {
      source  = "token-providers/striim"
      version = "~> 0.1.0"
    }
  }
}

# The provider's own token comes from the environment variable STRIIM_TOKEN.
provider "striim" {
  account = "acme"
  cloud   = "gcp"
}
