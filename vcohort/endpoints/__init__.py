"""Endpoints: what is read off a patient's path. One endpoint a file."""

from vcohort.endpoints.base import Carry as Carry
from vcohort.endpoints.base import Endpoint as Endpoint
from vcohort.endpoints.base import Start as Start
from vcohort.endpoints.base import TCellEndpoint as TCellEndpoint
from vcohort.endpoints.base import TumourEndpoint as TumourEndpoint
from vcohort.endpoints.base import Variable as Variable
from vcohort.endpoints.best_response import BestResponse as BestResponse
from vcohort.endpoints.escape import Escaped as Escaped
from vcohort.endpoints.kinetics import Kinetics as Kinetics
from vcohort.endpoints.nadir import Nadir as Nadir
from vcohort.endpoints.outcome import Outcome as Outcome
from vcohort.endpoints.response import Response as Response
from vcohort.endpoints.segment import Crossing as Crossing
from vcohort.endpoints.segment import Cubic as Cubic
from vcohort.endpoints.segment import Reach as Reach
from vcohort.endpoints.segment import TCellSegment as TCellSegment
from vcohort.endpoints.segment import TumourSegment as TumourSegment
from vcohort.endpoints.visits import ProgressionAtVisits as ProgressionAtVisits
