"""AI that reads what no parser can: tables of unknown form, shelf photos. It looks nothing up."""
